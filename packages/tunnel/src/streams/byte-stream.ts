import { constants, type Http2Stream } from 'node:http2';
import { Duplex } from 'node:stream';

const { NGHTTP2_NO_ERROR } = constants;

/** What either direction holds besides the window of the stream, bytes. */
const HIGH_WATER_BYTES = 65_536;

/**
 * An HTTP/2 stream as a connection: an end is carried as an end, a loss is the error `lost()`. What came before the
 * peer went is read first, as it is of a TCP socket. Never throws for want of an error listener.
 *
 * A bare Http2Stream will not do: it keeps data of a stream that nobody reads any more, takes a reset without an error
 * code for an end, and says of a lost session only that it is lost.
 */
export function createByteStream(inner: Http2Stream, lost: () => Error): Duplex {
  /** The peer has ended its direction. */
  let arrived = false;
  /** Nothing can be written any more. */
  let gone = false;

  const outer = new Duplex({
    allowHalfOpen: true,
    readableHighWaterMark: HIGH_WATER_BYTES,
    writableHighWaterMark: HIGH_WATER_BYTES,
    read: () => inner.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (!gone) inner.write(chunk, onceWritten(done));
    },
    writev(chunks, done) {
      if (gone) return;
      inner.cork();
      for (const { chunk } of chunks.slice(0, -1)) inner.write(chunk);
      inner.write(chunks.at(-1)?.chunk, onceWritten(done));
      inner.uncork();
    },
    final(done) {
      if (gone) done();
      else inner.end(onceWritten(done));
    },
    destroy(error, done) {
      inner.removeListener('data', take);
      // whoever has said all it had to say and heard enough leaves without a noise
      if (error === null && outer.writableFinished) inner.close(NGHTTP2_NO_ERROR);
      else cutOff(inner);
      // closes only when nothing is left to be read
      inner.resume();
      done(error);
    },
  });

  /** A failed write waits for `close`, which knows more about the reason. */
  const onceWritten =
    (done: () => void) =>
    (error?: Error | null): void => {
      if (error === undefined || error === null) done();
    };

  const take = (chunk: Buffer): void => {
    if (!outer.push(chunk)) inner.pause();
  };

  // as a socket has it: HTTP leaves a connection by it that is not needed any more
  Object.assign(outer, {
    destroySoon() {
      if (outer.writable) outer.end();
      if (outer.writableFinished) outer.destroy();
      else outer.once('finish', () => outer.destroy());
    },
  });
  outer.on('error', () => undefined);
  inner.on('error', () => undefined);
  inner.on('data', take);
  inner.once('end', () => {
    // Node says `end` of a stream that was cut off, too
    if (inner.rstCode !== NGHTTP2_NO_ERROR) return;
    arrived = true;
    outer.push(null);
  });
  inner.once('close', () => {
    gone = true;
    if (outer.destroyed || (arrived && outer.writableFinished)) return;
    if (!arrived) {
      outer.destroy(lost());
      return;
    }
    const leave = (): void => {
      const clean = inner.rstCode === NGHTTP2_NO_ERROR && outer.writableLength === 0;
      outer.destroy(clean ? undefined : lost());
    };
    if (outer.readableEnded) leave();
    else outer.once('end', leave);
  });
  return outer;
}

/** Not by `close(code)`, which says to the peer that this direction has ended before it says that it was cut off. */
export function cutOff(inner: Http2Stream): void {
  inner.destroy(new Error('cut off'));
}
