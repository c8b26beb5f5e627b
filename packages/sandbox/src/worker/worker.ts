import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Executor } from './executor.js'
import { Inbox } from './inbox.js'
import type { FromWorker, ToWorker, WorkerSettings } from './messages.js'

/**
 * No later than this answers are sent and the mail is read, so that the first of many calls does not
 * wait for the last, and a call that was dropped meanwhile is not begun.
 */
const MAX_HOLD_MS = 1

if (parentPort === null) throw new Error('this file is the entry of a worker thread')
const port = parentPort
const inbox = new Inbox()

let outbox: FromWorker[] = []
let transfers: ArrayBuffer[] = []

function flush(): void {
  if (outbox.length === 0) return
  port.postMessage(outbox, transfers)
  outbox = []
  transfers = []
}

const executor = new Executor(workerData as WorkerSettings, (message, transfer) => {
  outbox.push(message)
  if (transfer !== undefined) transfers.push(transfer)
})

port.on('message', (batch: readonly ToWorker[]) => {
  inbox.take(batch)
  let held = performance.now()
  for (let message = inbox.next(); message !== undefined; message = inbox.next()) {
    executor.handle(message)
    if (performance.now() - held < MAX_HOLD_MS) continue
    flush()
    readMail()
    held = performance.now()
  }
  flush()
})

function readMail(): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: readonly ToWorker[] } | undefined
    if (received === undefined) return
    inbox.take(received.message)
  }
}

port.postMessage([{ kind: 'ready' }] satisfies readonly FromWorker[])
