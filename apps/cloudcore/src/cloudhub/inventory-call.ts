import {
  CLOUD_MODULES,
  decodeInventory,
  GROUPS,
  INVENTORY_RESOURCE,
  type Inventory,
  type InventoryRequest,
  type Message,
  newMessage,
  OPERATIONS,
} from '@kubeedge-ts/apis';
import type { Clock } from '@kubeedge-ts/runtime';

export interface InventoryCallPorts {
  readonly clock: Clock;
  readonly now: () => number;
  readonly post: (message: Message) => void;
  /** Called once per question, unless the connection ends before. */
  readonly told: (id: string, inventory: Inventory | 'unknown') => void;
}

/** Asks an edge what it has stored, one question at a time; delivery waits for the answer, so there is always one. */
export interface InventoryCall {
  ask(id: string, request: InventoryRequest): void;
  /** False when the id is not that of the question. */
  answered(id: string, content: unknown): boolean;
  /** The connection is gone, and with it the question. */
  end(): void;
}

/** An edge hashes its whole store after a start; on a slow machine with thousands of objects this takes a while. */
const ANSWER_TIMEOUT_MS = 30_000;

export function createInventoryCall(ports: InventoryCallPorts): InventoryCall {
  let question: { readonly id: string; readonly cancel: () => void } | undefined;

  const end = (): void => {
    question?.cancel();
    question = undefined;
  };
  const tell = (id: string, inventory: Inventory | 'unknown'): void => {
    end();
    ports.told(id, inventory);
  };

  return {
    ask(id, request) {
      end();
      question = { id, cancel: ports.clock.after(ANSWER_TIMEOUT_MS, () => tell(id, 'unknown')) };
      const route = {
        source: CLOUD_MODULES.cloudHub,
        group: GROUPS.resource,
        operation: OPERATIONS.query,
        resource: INVENTORY_RESOURCE,
      };
      ports.post(newMessage({ now: ports.now, uuid: () => id }, { ...route, content: request }));
    },
    answered(id, content) {
      if (question?.id !== id) return false;
      tell(id, decodeInventory(content) ?? 'unknown');
      return true;
    },
    end,
  };
}
