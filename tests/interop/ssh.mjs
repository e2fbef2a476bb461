// OpenClaw's own steps with a sandbox on another host, found in its dist by name, as the other party of tests/interop/ssh.bats.
//   ssh.mjs cli sandbox ...          its command line, of which nothing but the sandbox commands is loaded
//   ssh.mjs sh KEY SCRIPT            a session's turn that runs a script in its sandbox, seeded first where OpenClaw finds none;
//                                    prints {name, stdout, code}
//   ssh.mjs read KEY FILE            the same with the file tools' own way to read
// In the environment: HOME, OPENCLAW_HOME, OPENCLAW_STATE_DIR and FN_<name>="file<TAB>export" (openclaw_dist).
import { createRequire } from "node:module";

const openclaw = {};
for (const name of ["createConfigIO", "resolveAgentWorkspaceDir", "resolveSandboxContext", "registerSandboxCli"]) {
  const [file, letter] = process.env[`FN_${name}`].split("\t");
  openclaw[name] = (await import(file))[letter];
}
const [, , mode, ...args] = process.argv;

async function context(sessionKey) {
  const config = openclaw.createConfigIO().loadConfig();
  const workspaceDir = openclaw.resolveAgentWorkspaceDir(config, sessionKey.split(":")[1]);
  return openclaw.resolveSandboxContext({ config, sessionKey, workspaceDir });
}

const steps = {
  async cli(...words) {
    const { Command } = createRequire(process.env.FN_registerSandboxCli.split("\t")[0])("commander");
    const program = new Command();
    openclaw.registerSandboxCli(program);
    await program.parseAsync(["node", "openclaw", ...words]);
  },
  async sh(key, script) {
    const c = await context(key);
    const r = await c.backend.runShellCommand({ script, args: [], allowFailure: true });
    process.stdout.write(`${JSON.stringify({ name: c.containerName, stdout: r.stdout.toString(), code: r.code })}\n`);
  },
  async read(key, file) {
    const c = await context(key);
    process.stdout.write(await c.fsBridge.readFile({ filePath: file }));
  },
};
await steps[mode](...args);
process.exit(process.exitCode ?? 0);
