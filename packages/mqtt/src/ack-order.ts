/** Sends acknowledgements in the order in which the messages came [MQTT-4.6.0-2], whatever the order of completion. */
export interface AckOrder {
  /** Registers a message; the returned function says that it is done. Later calls of it do nothing. */
  expect(id: number): () => void;
}

export function createAckOrder(send: (id: number) => void): AckOrder {
  const entries: { readonly id: number; done: boolean }[] = [];
  let head = 0;
  return {
    expect(id) {
      const entry = { id, done: false };
      entries.push(entry);
      return () => {
        if (entry.done) return;
        entry.done = true;
        for (let first = entries[head]; first?.done; first = entries[head]) {
          head += 1;
          send(first.id);
        }
        if (head > 256 && head * 2 > entries.length) {
          entries.splice(0, head);
          head = 0;
        }
      };
    },
  };
}
