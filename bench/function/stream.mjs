/** What every streaming function of the benchmarks writes: one piece, a moment later another. */
export const PIECES = ["first ".repeat(20), "second ".repeat(20)];
const BETWEEN_MS = 2;

/** Writes the pieces to anything that Node can write to. */
export async function writePieces(stream) {
  stream.write(PIECES[0]);
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  stream.end(PIECES[1]);
}

/** Absent where the pieces are written without Lambda's runtime. */
export const handler = globalThis.awslambda?.streamifyResponse?.(async (_event, stream) => {
  stream.setContentType("text/plain");
  await writePieces(stream);
});
