import { formatProblems } from '../../config/index.ts';
import { OperatorFault } from '../../errors/index.ts';
import type { Gateway, Settings } from '../../gateway/index.ts';
import type { Catalogue } from '../../providers/index.ts';
import { ConfigReloader } from '../config-reloader.ts';
import { firstScreenLines } from '../first-screen.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type ListenPlace, listenFault } from '../listen-fault.ts';
import { paintFor } from '../paint.ts';
import { shownProviders } from '../shown-providers.ts';
import { untilStopped } from '../until-stopped.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly config?: string;
}

/** `weir serve`: the gateway itself, and the default verb. */
export const addServe: AddVerb = (program, io, exit) => {
  program
    .command('serve')
    .description('serve requests (this is what weir does without a verb)')
    .option(
      '-c, --config <file>',
      'the YAML config; without it: the built-in demo and your own keys, on 127.0.0.1:8787',
    )
    .addHelpText(
      'after',
      `${examples([
        ['weir serve', 'no config needed'],
        ['weir serve --config config.yaml', 'reloaded when the file changes, and on SIGHUP'],
      ])}

SIGTERM: new requests are taken for drain.lameDuckMs more, running ones may finish
within drain.drainMs, then exit 0. SIGINT (Ctrl-C): the same without the lame duck.
A second signal ends at once, with exit 143 or 130.`,
    )
    .action(async (options: Options) => exit(await run(options.config, io)));
};

async function run(file: string | undefined, io: CliIo): Promise<number> {
  const { SettingsLoader, startGateway } = await import('../../gateway/index.ts');
  const loader = new SettingsLoader(io.env);
  const load = () => loader.load(file === undefined ? null : { file });
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  const loaded = load();
  if (!loaded.ok) {
    say(formatProblems(loaded.problems));
    return EXIT.usage;
  }
  for (const warning of loaded.warnings) say(`warning: ${warning}`);
  if (io.env.NODE_DEBUG !== undefined)
    say('warning: NODE_DEBUG is set: node then prints what goes over the network, keys included');
  const gateway = await start(
    () => startGateway(loaded.settings, loader, { log: { pretty: io.isTty, stream: io.stdout } }),
    say,
  );
  const opened = gateway === null ? null : await open(gateway, loaded.settings, say);
  if (gateway === null || opened === null) return EXIT.failed;
  const reloader =
    file === undefined
      ? null
      : new ConfigReloader(file, loaded.files, { load, apply: settings => gateway.apply(settings), say });
  const onHangup = (): void => {
    if (reloader === null) say('SIGHUP: there is no config file to reload');
    else reloader.reload();
  };
  io.signals.on('SIGHUP', onHangup);
  // Without a listener node opens its debugger on this signal, and every key to who connects.
  const onDebug = (): void => say('SIGUSR1 does nothing here: no debugger is opened');
  io.signals.on('SIGUSR1', onDebug);
  try {
    const stopped = untilStopped(gateway, io.signals, say);
    // Only now: who reads the address may send a signal at once.
    greet(opened, loaded.settings, loader.catalogue, io);
    return await stopped;
  } finally {
    io.signals.off('SIGHUP', onHangup);
    io.signals.off('SIGUSR1', onDebug);
    reloader?.close();
  }
}

/** Null after a fault of the system (a folder, a socket) that was told; a bug of ours is thrown on. */
async function start(launch: () => Promise<Gateway>, say: (line: string) => void): Promise<Gateway | null> {
  try {
    return await launch();
  } catch (error) {
    if (!(error instanceof OperatorFault || (error instanceof Error && 'syscall' in error))) throw error;
    say(`weir cannot start: ${error.message}`);
    return null;
  }
}

/** Where a gateway listens. */
type Opened = Awaited<ReturnType<Gateway['listen']>>;

/** Opens the listeners; null after a fault that was told. */
async function open(
  gateway: Gateway,
  settings: Settings,
  say: (line: string) => void,
): Promise<Opened | null> {
  try {
    return await gateway.listen();
  } catch (error) {
    await gateway.close({ lameDuckMs: 0, drainMs: 0 });
    say(listenFault(error, placeOf(error, settings)));
    return null;
  }
}

/** Which of the two listeners an error is about: it names the port. */
function placeOf(error: unknown, { listen, ops }: Settings): ListenPlace {
  const port = error instanceof Error && 'port' in error ? error.port : null;
  return ops !== undefined && port === ops.port && port !== listen.port
    ? { host: ops.host, port: ops.port, section: 'ops' }
    : { ...listen, section: 'listen' };
}

function greet(opened: Opened, settings: Settings, catalogue: Catalogue, io: CliIo): void {
  const lines = firstScreenLines(
    { ...opened, ...shownProviders(settings, catalogue), invocation: io.invocation },
    paintFor(io),
  );
  io.stdout.write(`${lines.join('\n')}\n`);
}
