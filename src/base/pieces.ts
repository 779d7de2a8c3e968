/** Pieces up to this length are put together. Ours: a Buffer costs about 100 bytes of its own. */
const GATHERED_BYTES_MAX = 1024;
/** A piece of a buffer more than so many times its length is copied out of it. */
const WASTE_MAX = 4;

/**
 * Bytes that a stranger sends, in their order. However small the pieces are in which they come, and
 * however large the buffers that these are views of, what is held takes a few times its bytes at
 * most. Pieces of a usual size are taken as they are. Bounding the bytes is the caller's part.
 */
export class Pieces {
  readonly #pieces: Buffer[] = [];
  /** What the last piece is a view of, once it was put together here. */
  #gathered: Buffer | undefined;

  /** How many buffers the bytes are in. */
  get count(): number {
    return this.#pieces.length;
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    const last = this.#pieces.at(-1);
    if (last === undefined || last.length + piece.length > GATHERED_BYTES_MAX) {
      const isWasteful = piece.length * WASTE_MAX < piece.buffer.byteLength;
      this.#pieces.push(isWasteful ? Buffer.from(piece) : piece);
      this.#gathered = undefined;
      return;
    }
    const gathered = this.#gathered ?? Buffer.allocUnsafeSlow(GATHERED_BYTES_MAX);
    if (this.#gathered === undefined) last.copy(gathered);
    piece.copy(gathered, last.length);
    this.#gathered = gathered;
    this.#pieces[this.#pieces.length - 1] = gathered.subarray(0, last.length + piece.length);
  }

  /** Takes out the first bytes, as many as are in one buffer. */
  shift(): Buffer | undefined {
    const first = this.#pieces.shift();
    if (this.#pieces.length === 0) this.#gathered = undefined;
    return first;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#gathered = undefined;
  }

  /** All bytes in one buffer; without a copy when they are in one already. */
  joined(): Buffer {
    const [first] = this.#pieces;
    return first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
  }
}
