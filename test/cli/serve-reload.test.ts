import { writeFileSync } from 'node:fs';
import t from 'tap';
import { startServing } from './serving.ts';

const CONFIG = { listen: { port: 0 }, providers: { demo: {} } };

t.test('a changed file is served, a bad one leaves the one before', async t => {
  const { url, file, said, signals, status } = await startServing(t, CONFIG, {
    env: { TEAM_KEY: 'team-key-0123456789' },
  });
  const demoStatus = async (): Promise<number> => (await fetch(`${url}/demo/v1/models`)).status;
  t.equal(await demoStatus(), 200);

  writeFileSync(file, 'listen: { port: 0 }\nproviders: { demo: {} }\nlimts: {}\n');
  await said(/was not reloaded[\s\S]*weir\.yaml:3:1: limts: .*did you mean "limits"/);
  t.equal(await demoStatus(), 200, 'the old one serves');

  const staticKeys = [{ id: 'team', key: 'env:TEAM_KEY' }];
  writeFileSync(file, JSON.stringify({ ...CONFIG, auth: { staticKeys } }));
  await said(/weir\.yaml was reloaded/);
  t.equal(await demoStatus(), 401, 'the new one wants a key');

  writeFileSync(file, JSON.stringify({ ...CONFIG, listen: { port: 1 } }));
  await said(/listen changes only by a restart/);
  t.equal(await demoStatus(), 401, 'refused whole');

  signals.emit('SIGINT');
  t.equal(await status, 0);
});

t.test('SIGHUP reloads an unchanged file', async t => {
  const { said, signals, status } = await startServing(t, CONFIG);
  signals.emit('SIGHUP');
  await said(/weir\.yaml was reloaded/);
  signals.emit('SIGINT');
  t.equal(await status, 0);
});
