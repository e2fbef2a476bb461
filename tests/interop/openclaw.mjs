// OpenClaw's own sandbox steps, found in its dist by name, as the other party of tests/interop/openclaw.bats.
//   openclaw.mjs use KEY...               a session's turn as far as its sandbox goes; one line of JSON per session key
//   openclaw.mjs loop SECONDS KEY...      the same, round and round; at the end one line {KEY: {times, ids, said}}
//   openclaw.mjs explain PROGRAM SPEC < ASKS
//                                         each line of stdin is {"agent": ID} or {"session": KEY}: what `reconclaw explain` has to
//                                         answer, by the runtime's own function and by `openclaw sandbox explain`
// In the environment: HOME, OPENCLAW_HOME, OPENCLAW_STATE_DIR, DOCKER_HOST, and FN_<name>="file<TAB>export" (openclaw_dist).
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import { format, isDeepStrictEqual } from "node:util";

const names = ["createConfigIO", "resolveAgentWorkspaceDir", "resolveSandboxContext", "resolveSandboxRuntimeStatus",
  "registerSandboxCli", "listBundledChannelCatalogEntries"];
const openclaw = {};
for (const name of names) {
  const [file, letter] = process.env[`FN_${name}`].split("\t");
  openclaw[name] = (await import(file))[letter];
}

const print = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
// What OpenClaw tells its user, instead of letting it through.
let said = [];
for (const level of ["log", "info", "warn", "error"]) console[level] = (...args) => said.push(format(...args));

// The config as it is on disk now.
const config = () => openclaw.createConfigIO().loadConfig();

// What a turn of a session does before the agent gets to work.
async function use(cfg, sessionKey) {
  const { agentId } = openclaw.resolveSandboxRuntimeStatus({ cfg, sessionKey });
  const workspaceDir = openclaw.resolveAgentWorkspaceDir(cfg, agentId);
  said = [];
  try {
    const c = await openclaw.resolveSandboxContext({ config: cfg, sessionKey, workspaceDir });
    return { sessionKey, sandboxed: c !== null, name: c?.containerName, workspaceDir: c?.workspaceDir, said };
  } catch (e) {
    return { sessionKey, error: String(e?.message ?? e), said };
  }
}

async function loop(seconds, keys) {
  const until = Date.now() + Number(seconds) * 1000;
  const all = {};
  for (let i = 0; Date.now() < until; i++) {
    const key = keys[i % keys.length];
    const r = await use(config(), key);
    const o = (all[key] ??= { name: r.name, times: 0, said: [], errors: [] });
    o.times++;
    o.said.push(...r.said);
    if (r.error) o.errors.push(r.error);
  }
  print(all);
}

// --- explain ---------------------------------------------------------------------------------------------------------------

// `openclaw sandbox explain` in this process. As in a Gateway the plugins of the channels are there: the bare command line has
// none of them, and so takes no session to be of a channel.
async function explain(...args) {
  const { Command } = createRequire(process.env.FN_registerSandboxCli.split("\t")[0])("commander");
  globalThis[Symbol.for("openclaw.pluginRegistryState")] = {
    channel: { registry: { channels: openclaw.listBundledChannelCatalogEntries().map(({ id }) => ({ plugin: { id, meta: {} } })) } },
  };
  const program = new Command();
  openclaw.registerSandboxCli(program);
  const write = process.stdout.write;
  let text = "";
  process.stdout.write = (s) => { text += s; return true; };
  try {
    await program.parseAsync(["node", "openclaw", "sandbox", "explain", "--json", ...args]);
  } finally {
    process.stdout.write = write;
  }
  return JSON.parse(text);
}

// null and absent are one.
const bare = (v) => JSON.parse(JSON.stringify(v ?? null, (_, x) => (x === null ? undefined : x)) ?? "null");

async function explainAll(program, spec) {
  const cfg = config();
  let wrong = 0;
  let n = 0;
  for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const ask = JSON.parse(line);
    const run = spawnSync(program, ["explain", "-o", "json", ...("agent" in ask ? ["--agent", ask.agent] : ["--session", ask.session]), spec],
      { encoding: "utf8" });
    const asked = "agent" in ask ? await explain("--agent", ask.agent) : null;
    const status = openclaw.resolveSandboxRuntimeStatus({ cfg, sessionKey: asked ? asked.sessionKey : ask.session });
    // The runtime has the agent of the session; a bare key is the command line's own shorthand for another.
    const told = asked ?? (await explain("--agent", status.agentId, ...(ask.session.includes(":") ? ["--session", ask.session] : [])));
    const want = {
      agentId: status.agentId, sessionKey: status.sessionKey, mainSessionKey: status.mainSessionKey, sandboxed: status.sandboxed,
      mode: told.sandbox.mode, scope: told.sandbox.scope, workspaceAccess: told.sandbox.workspaceAccess,
      workspaceRoot: told.sandbox.workspaceRoot, tools: told.sandbox.tools, elevated: told.elevated, fixIt: told.fixIt,
    };
    if (asked) want.agentId = told.agentId;
    // Where all sessions are one, the command line names sessions that there are none of, and reads the default agent from
    // the global one's key, which names no agent.
    if (asked && status.mainSessionKey === "global") want.sessionKey = "global";
    if (asked && status.mainSessionKey === "global" && ask.agent === "") continue;
    let have = {};
    if (run.status === 0) {
      have = JSON.parse(run.stdout);
      have.workspaceRoot = have.sandbox.workspaceRoot;
    }
    n++;
    for (const key of Object.keys(want))
      if (!isDeepStrictEqual(bare(have[key]), bare(want[key]))) {
        wrong++;
        print({ ask, key, ours: have[key], theirs: want[key], stderr: run.stderr });
      }
  }
  print({ asked: n, wrong });
  return wrong === 0 && n > 0;
}

// --- main ------------------------------------------------------------------------------------------------------------------

let good = true;
const [, , mode, ...args] = process.argv;
if (mode === "use") {
  const cfg = config();
  for (const key of args) print(await use(cfg, key));
} else if (mode === "loop") await loop(args[0], args.slice(1));
else if (mode === "explain") good = await explainAll(...args);
else throw new Error(`no such mode: ${mode}`);
process.exit(good ? 0 : 1);
