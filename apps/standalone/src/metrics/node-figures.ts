import type { UnknownObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { NodeFigures } from './summary.ts';

/** Figures are kept for so long, as a kubelet keeps its own. */
const FRESH_MS = 5_000;
/** A node that did not answer is not asked again before. */
const FAILED_MS = 15_000;
/** Time for one node, as metrics-server gives it. */
const DEADLINE_MS = 10_000;
/** Nodes that are asked at a time. */
const MAX_ASKED = 100;

/** What nodes say of themselves, asked when somebody wants to know. */
export interface FiguresSource {
  /** By name. A node that does not answer is left out. */
  figuresOf(nodes: readonly UnknownObject[]): Promise<ReadonlyMap<string, NodeFigures>>;
}

export interface FiguresSourceOptions {
  readonly ask: (node: UnknownObject, signal: AbortSignal) => Promise<NodeFigures>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Kept {
  /** One answer for all who ask while it is being found. */
  readonly figures: Promise<NodeFigures | undefined>;
  /** Monotonic; undefined until it is there. */
  until?: number;
}

export function createFiguresSource({ ask, clock, log }: FiguresSourceOptions): FiguresSource {
  const kept = new Map<string, Kept>();
  let free = MAX_ASKED;
  const queue: (() => void)[] = [];

  const turn = async (): Promise<void> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
  };
  const done = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };

  const find = async (node: UnknownObject): Promise<NodeFigures | undefined> => {
    await turn();
    const deadline = new AbortController();
    const cancel = clock.after(DEADLINE_MS, () => deadline.abort(new Error('no answer in time')));
    try {
      return await ask(node, deadline.signal);
    } catch (error) {
      log.warn({ node: node.metadata.name, err: errorText(error) }, 'a node gave no figures, it is left out');
      return undefined;
    } finally {
      cancel();
      done();
    }
  };

  const figuresOf = (node: UnknownObject): Promise<NodeFigures | undefined> => {
    const { name } = node.metadata;
    const known = kept.get(name);
    if (known !== undefined && (known.until ?? Number.POSITIVE_INFINITY) > clock.monotonic()) {
      return known.figures;
    }
    const mine: Kept = { figures: find(node) };
    kept.set(name, mine);
    void mine.figures.then((figures) => {
      mine.until = clock.monotonic() + (figures === undefined ? FAILED_MS : FRESH_MS);
    });
    return mine.figures;
  };

  /** Nothing is kept of nodes nobody asks for any more. */
  const forgetOld = (): void => {
    const now = clock.monotonic();
    for (const [name, { until }] of kept) if (until !== undefined && until <= now) kept.delete(name);
  };

  return {
    async figuresOf(nodes) {
      forgetOld();
      const found = new Map<string, NodeFigures>();
      await Promise.all(
        nodes.map(async (node) => {
          const figures = await figuresOf(node);
          if (figures !== undefined) found.set(node.metadata.name, figures);
        }),
      );
      return found;
    },
  };
}
