// An agent that reaches the gate as an MCP server: nothing in it but the adapter knows of LatchGate.
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  type CallToolResult,
  McpError,
  type Progress,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js'
import { scriptedModel, type ToolCall } from './scripted-model.ts'

const MAX_TURNS = 50

/** The installed adapter. A client with a settings file starts the same command. */
const ADAPTER = fileURLToPath(import.meta.resolve('@latchgate/mcp/bin/latchgate-mcp.js'))

const client = new Client({ name: 'example-mcp-agent', version: '1.0.0' })
await client.connect(
  new StdioClientTransport({
    command: process.execPath,
    args: [ADAPTER, 'serve', '--agent-id', 'example-mcp-agent'],
    // By itself the transport hands on little more than HOME and PATH; the gate's socket is found by
    // XDG_RUNTIME_DIR.
    env: process.env as Record<string, string>,
  }),
)
try {
  await run()
} catch (error) {
  if (!(error instanceof McpError)) throw error
  console.error(error.message)
  process.exitCode = 1
} finally {
  await client.close()
}

async function run(): Promise<void> {
  const { tools } = await client.listTools()
  for (const tool of tools) console.log(`tool    ${tool.name}${hints(tool)}`)
  const next = scriptedModel()
  let told = ''
  for (let turns = 0; turns < MAX_TURNS; turns += 1) {
    const { say, call } = next(told)
    console.log(`model   ${say}`)
    if (call === null) return
    told = await perform(call)
  }
  console.log(`stopped after ${MAX_TURNS} turns`)
}

/** Calls one tool; the text that the model is to be told, be it a result or an error. */
async function perform(call: ToolCall): Promise<string> {
  console.log(`call    ${call.name} ${JSON.stringify(call.arguments)}`)
  const result = (await client.callTool({ ...call }, undefined, {
    onprogress: showOnce(),
    // While a call is held there is progress every few seconds: the time-out is for silence.
    resetTimeoutOnProgress: true,
  })) as CallToolResult
  const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
  const receipt = result._meta?.['latchgate/receipt_id']
  console.log(result.isError === true ? `error   ${text}` : `result  receipt ${String(receipt)}`)
  return text
}

/** Shows what a held call waits for, not how often it is said. */
function showOnce(): (progress: Progress) => void {
  let shown: string | undefined
  return ({ message }) => {
    if (message !== shown) console.log(`held    ${message}`)
    shown = message
  }
}

function hints({ annotations }: Tool): string {
  const { readOnlyHint, destructiveHint } = annotations ?? {}
  if (readOnlyHint === true) return ' (reads)'
  return destructiveHint === true ? ' (destroys)' : ''
}
