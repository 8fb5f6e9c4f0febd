/**
 * The first violation of a run. What finds one often runs inside the code under test, which would
 * take the exception for a fault of the journal and recover from it. So it is kept here, and thrown
 * by the run itself.
 */
export interface Verdict {
  of(check: () => void): void;
  ofAsync(check: () => Promise<void>): Promise<void>;
  /** Throws the first violation, if there was one. */
  throw(): void;
}

export function createVerdict(): Verdict {
  let first: { readonly error: unknown } | null = null;
  return {
    of(check) {
      try {
        check();
      } catch (error) {
        first ??= { error };
      }
    },
    async ofAsync(check) {
      try {
        await check();
      } catch (error) {
        first ??= { error };
      }
    },
    throw() {
      if (first !== null) throw first.error;
    },
  };
}
