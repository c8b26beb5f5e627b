import { parentPort, workerData } from 'node:worker_threads'
import { Executor } from './executor.js'
import type { FromWorker, ToWorker, WorkerSettings } from './messages.js'

/** A batch is sent no later than this, so that the first of many calls does not wait for the last. */
const MAX_HOLD_MS = 1

const port = parentPort
if (port === null) throw new Error('this file is the entry of a worker thread')

let outbox: FromWorker[] = []
let transfers: ArrayBuffer[] = []

function flush(): void {
  if (outbox.length === 0) return
  port?.postMessage(outbox, transfers)
  outbox = []
  transfers = []
}

const executor = new Executor(workerData as WorkerSettings, (message, transfer) => {
  outbox.push(message)
  if (transfer !== undefined) transfers.push(transfer)
})

port.on('message', (batch: readonly ToWorker[]) => {
  let held = performance.now()
  for (const message of batch) {
    executor.handle(message)
    if (performance.now() - held < MAX_HOLD_MS) continue
    flush()
    held = performance.now()
  }
  flush()
})

port.postMessage([{ kind: 'ready' }] satisfies readonly FromWorker[])
