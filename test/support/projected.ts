/** Waits until PostgreSQL has everything that the server's journal has. */
export async function untilProjected(url: string): Promise<void> {
  for (;;) {
    const { parts } = (await (await fetch(`${url}/readyz`)).json()) as {
      readonly parts: { readonly projection: { readonly detail: string } };
    };
    if (parts.projection.detail === '0 events behind') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
