export {
  builtinManifestDirectory,
  loadBuiltinManifests,
  loadManifestDirectory,
} from './load-manifests.js'
