import assert from 'node:assert/strict';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { kvKey, kvValue } from '../../../lib/keys/deny/kv-spelling.ts';
import type { DenySettings } from '../../../lib/keys/deny/settings.ts';
import { folderOf, NATS, principal, settings } from './house.ts';
import { install, type Running } from './installed.ts';
import { ScriptedBus } from './scripted-bus.ts';

const IDS = Array.from({ length: 6 }, (_, i) => `key ${i}`);
const id = fc.constantFrom(...IDS);
const inMs = fc.option(fc.integer({ min: 1, max: 5 }).map(minutes => minutes * 60_000));

const ours = [
  fc.record({ deny: id, inMs }),
  fc.record({ allow: id }),
  fc.constant({ restart: 'closed' as const }),
  fc.constant({ restart: 'killed' as const }),
  fc.record({ passMs: fc.constantFrom(1000, 60_000, 120_000) }),
];
const theirs = [
  fc.record({ write: id, inMs }),
  fc.record({ write: id, garbage: fc.constant(true) }),
  fc.record({ erase: id }),
  fc.constant({ bucket: 'recreate' as const }),
  fc.constant({ bucket: 'compact' as const }),
  fc.constant({ bucket: 'down' as const }),
  fc.constant({ bucket: 'up' as const }),
  fc.constant({ bucket: 'sync' as const }),
  fc.constant({ bucket: 'sync' as const }),
];
type Step = {
  readonly deny?: string;
  readonly allow?: string;
  readonly restart?: 'closed' | 'killed';
  readonly passMs?: number;
  readonly inMs?: number | null;
  readonly write?: string;
  readonly garbage?: boolean;
  readonly erase?: string;
  readonly bucket?: 'recreate' | 'compact' | 'down' | 'up' | 'sync';
};

/** Every id that is denied, by when that ends. */
type Model = Map<string, number>;

/** For so long a write of ours counts without having been delivered. */
const OWN_MS = 30_000;

function inForce(model: Model, nowMs: number): string[] {
  return IDS.filter(id => (model.get(id) ?? 0) > nowMs);
}

/** Each has snapshots of its own. */
let labs = 0;

/** A gateway's deny set, through restarts. */
class Lab {
  readonly bus = new ScriptedBus();
  readonly bucket = this.bus.bucket('weir-deny');
  nowMs = Date.UTC(2026, 10, 21);
  running!: Running;
  readonly #t: Test;
  readonly #changes: Partial<DenySettings>;
  #snapshot: string;

  constructor(t: Test, folder: string, changes: Partial<DenySettings>) {
    this.#t = t;
    this.#changes = changes;
    this.#snapshot = join(folder, `${labs++}.0`);
  }

  async start(): Promise<void> {
    const all = settings({ snapshot: this.#snapshot, ...this.#changes });
    this.running = await install(this.#t, this.bus, all, null, this.nowMs);
  }

  async restart(how: 'closed' | 'killed'): Promise<void> {
    if (how === 'closed') await this.running.close();
    // One that was killed hears of nothing any more, and what it would still write is in nobody's way.
    this.bucket.followers.clear();
    const next = `${this.#snapshot}+`;
    if (existsSync(this.#snapshot)) copyFileSync(this.#snapshot, next);
    this.#snapshot = next;
    await this.start();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.running.house.clock.nowMs = this.nowMs;
  }

  denied(): string[] {
    return IDS.filter(keyId => this.running.code(principal({ keyId })) !== null);
  }

  async post(id: string, inMs: number | null | undefined): Promise<boolean> {
    const until = inMs == null ? {} : { until: new Date(this.nowMs + inMs).toISOString() };
    const { status } = await this.running.call('POST', '/deny', { kind: 'key', id, reason: 'x', ...until });
    assert.ok([200, 201, 503].includes(status), `POST gave ${status}`);
    return status !== 503;
  }

  async delete(id: string): Promise<boolean> {
    const { status } = await this.running.call('DELETE', `/deny/key/${encodeURIComponent(id)}`);
    assert.ok([200, 404, 503].includes(status), `DELETE gave ${status}`);
    return status !== 503;
  }

  write(id: string, { garbage, inMs }: Step): void {
    const untilMs = inMs == null ? null : this.nowMs + inMs;
    const good = kvValue({ kind: 'key', id, terms: { reason: 'x', untilMs, issuedBeforeMs: null } });
    this.bucket.write(kvKey('key', id), garbage === true ? 'what?' : good);
  }
}

function endOf(nowMs: number, inMs: number | null | undefined): number {
  return inMs == null ? Number.POSITIVE_INFINITY : nowMs + inMs;
}

t.test(
  'without NATS: denied is what was acknowledged and has not ended, whatever happened since',
  async t => {
    const folder = folderOf(t);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...ours), { maxLength: 25 }), async steps => {
        const lab = new Lab(t, folder, {});
        const model: Model = new Map();
        await lab.start();
        for (const step of steps as readonly Step[]) {
          if (step.deny !== undefined) {
            assert.ok(await lab.post(step.deny, step.inMs));
            model.set(step.deny, endOf(lab.nowMs, step.inMs));
          }
          if (step.allow !== undefined) {
            assert.ok(await lab.delete(step.allow));
            model.delete(step.allow);
          }
          if (step.restart !== undefined) await lab.restart(step.restart);
          if (step.passMs !== undefined) lab.pass(step.passMs);
          assert.deepEqual(lab.denied(), inForce(model, lab.nowMs));
        }
        await lab.running.close();
      }),
      { numRuns: 60 },
    );
  },
);

t.test(
  'with NATS: denied is what the bucket holds, after every delivery; in between nothing comes or goes by itself',
  async t => {
    const folder = folderOf(t);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...ours, ...theirs), { maxLength: 40 }), async steps => {
        const lab = new Lab(t, folder, { nats: NATS });
        const { bucket } = lab;
        const model: Model = new Map();
        const posted = new Map<string, number>();
        await lab.start();
        for (const step of steps as readonly Step[]) {
          const before = lab.denied();
          if (step.deny !== undefined && (await lab.post(step.deny, step.inMs))) {
            model.set(step.deny, endOf(lab.nowMs, step.inMs));
            posted.set(step.deny, lab.nowMs);
            assert.ok(lab.denied().includes(step.deny));
          }
          if (step.allow !== undefined && (await lab.delete(step.allow))) {
            model.delete(step.allow);
            posted.delete(step.allow);
            assert.ok(!lab.denied().includes(step.allow));
          }
          if (step.write !== undefined) {
            lab.write(step.write, step);
            model.set(
              step.write,
              step.garbage === true ? Number.POSITIVE_INFINITY : endOf(lab.nowMs, step.inMs),
            );
          }
          if (step.erase !== undefined) {
            bucket.write(kvKey('key', step.erase), null);
            model.delete(step.erase);
          }
          if (step.bucket === 'recreate') {
            bucket.recreate();
            model.clear();
          }
          if (step.bucket === 'compact') bucket.compact();
          if (step.bucket === 'down') bucket.isDown = true;
          if (step.bucket === 'up') bucket.isDown = false;
          if (step.passMs !== undefined) lab.pass(step.passMs);
          if (step.restart !== undefined) await lab.restart(step.restart);
          if (step.restart === 'closed') assert.deepEqual(lab.denied(), before);
          if (step.write ?? step.erase ?? (step.bucket !== undefined && step.bucket !== 'sync'))
            assert.deepEqual(lab.denied(), before, 'nothing was delivered yet');
          if (step.bucket === 'sync') {
            bucket.sync();
            const expected = inForce(model, lab.nowMs);
            // A write of ours that was lost with its bucket may count until it should have been delivered.
            const mayCount = (id: string) => lab.nowMs <= (posted.get(id) ?? 0) + OWN_MS;
            const denied = lab.denied().filter(id => expected.includes(id) || !mayCount(id));
            if (!bucket.isDown) assert.deepEqual(denied, expected);
          }
        }
        bucket.isDown = false;
        lab.pass(OWN_MS + 1000);
        bucket.sync();
        assert.deepEqual(lab.denied(), inForce(model, lab.nowMs));
        await lab.running.close();
      }),
      { numRuns: 150 },
    );
  },
);
