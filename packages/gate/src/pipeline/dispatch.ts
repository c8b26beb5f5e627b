import { providerInput } from '@latchgate/catalogue'
import {
  type ExecutionErrorType,
  isExecutionErrorType,
  JsonFault,
  type JsonObject,
  parseJson,
} from '@latchgate/protocol'
import { SandboxBusy, type SandboxOutcome } from '@latchgate/sandbox'
import type { Services } from '../services.js'
import type { Dispatched, ExecutionFailure, Intending } from './call.js'
import { policyRevision } from './decision-body.js'
import { PlannedRequestHost } from './planned-request-host.js'

/**
 * Runs the provider for a durable intent. It does not throw for anything that the module or an
 * upstream does, nor for a fault of our own: after the intent every end is a receipt.
 */
export async function dispatch(services: Services, call: Intending): Promise<Dispatched> {
  const host = new PlannedRequestHost(services, call)
  const stopped = stoppedSince(services, call)
  if (stopped !== null) return notDispatched(call, stopped)
  const { limits, io, required_imports } = call.registered.manifest
  let outcome: SandboxOutcome
  try {
    outcome = await services.sandbox.run({
      module: call.registered.moduleDigest,
      input: providerInput(call.target, limits.timeout_seconds * 1000),
      imports: required_imports,
      limits: {
        fuel: limits.fuel,
        memoryMb: limits.memory_mb,
        timeoutMs: limits.timeout_seconds * 1000,
        maxIoCalls: limits.max_io_calls,
        maxOutputBytes: io.max_response_bytes,
      },
      host,
    })
  } catch (error) {
    outcome = faultOutcome(services, call, error)
  }
  const parsed = providerDocument(outcome)
  return {
    ...call,
    run: {
      ...parsed,
      effects: host.effects,
      observed: host.observed,
      contentType: host.contentType,
      fuelConsumed: outcome.fuelConsumed,
      ioCalls: outcome.ioCalls,
      durationMs: Math.round(outcome.durationMs),
    },
  }
}

// The last look before anything begins: the intent is durable, but nothing has left the gate.
function stoppedSince(services: Services, call: Intending): ExecutionFailure | null {
  if (services.revocations.reaches(call.agent.claims)) {
    return { type: 'revoked', message: 'the lease was revoked before anything was sent' }
  }
  if (call.approval === null || call.policyRevision === policyRevision(services)) return null
  return { type: 'plan_mismatch', message: 'the policy changed before anything was sent' }
}

function notDispatched(call: Intending, failure: ExecutionFailure): Dispatched {
  return {
    ...call,
    run: {
      output: null,
      failure,
      effects: [],
      observed: { status: null, body: null },
      contentType: null,
      fuelConsumed: 0,
      ioCalls: 0,
      durationMs: 0,
    },
  }
}

function faultOutcome(services: Services, call: Intending, error: unknown): SandboxOutcome {
  const busy = error instanceof SandboxBusy
  services.log.error({ trace_id: call.traceId, err: error }, 'the execution failed in the gate')
  return {
    ok: false,
    failure: busy ? 'overloaded' : 'internal_error',
    message: busy ? 'no instance could be had' : 'the gate failed during the execution',
    fuelConsumed: 0,
    ioCalls: 0,
    durationMs: services.now() - call.startedAt,
  }
}

function providerDocument(outcome: SandboxOutcome): Pick<Dispatched['run'], 'output' | 'failure'> {
  const failed = (
    type: ExecutionErrorType,
    message: string,
  ): Pick<Dispatched['run'], 'output' | 'failure'> => ({
    output: null,
    failure: { type, message },
  })
  if (!outcome.ok) {
    const type = isExecutionErrorType(outcome.failure) ? outcome.failure : 'internal_error'
    return failed(type, outcome.message)
  }
  if (outcome.variant === 'err') return failed('provider_error', outcome.output)
  try {
    const document = parseJson(outcome.output)
    if (isEnvelope(document)) return { output: document, failure: null }
    return failed('response_schema', 'the provider did not return an object with a boolean `ok`')
  } catch (error) {
    if (error instanceof JsonFault) return failed('response_schema', error.message)
    throw error
  }
}

function isEnvelope(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return typeof (value as { ok?: unknown }).ok === 'boolean'
}
