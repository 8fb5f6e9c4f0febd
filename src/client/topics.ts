/** The topics of a live client: what the server has of them, and what it has to be told. */

/** Of one request, so that a server with few topics per connection takes it. */
const TOPICS_LENGTH_MAX = 16 * 1024;

interface Topic {
  /** As the caller names it. */
  readonly name: string;
  snapshot: boolean;
  /**
   * `wanted`: to be asked for. `expected`: the server has it, and its snapshot did not come yet (it
   * never does if the caller may not see the topic). `held`: all of it came, through the cursor.
   */
  stage: 'wanted' | 'expected' | 'held';
  /** As the server names it: with the code in upper case, for example. */
  serverName: string | null;
}

export type TopicsRequest =
  | { readonly type: 'subscribe'; readonly topics: readonly Topic[]; readonly since?: string; readonly snapshot?: true }
  | { readonly type: 'unsubscribe'; readonly topics: readonly { readonly name: string }[] };

export class TopicList {
  readonly #byName = new Map<string, Topic>();
  readonly #byServerName = new Map<string, Topic>();
  /** What the server sends, and nobody wants any more: the server's names. */
  readonly #unwanted = new Set<string>();
  #mustResume = false;

  add(name: string, snapshot: boolean, isHeld: boolean): void {
    if (this.#byName.has(name)) return;
    this.#byName.set(name, { name, snapshot, stage: isHeld ? 'held' : 'wanted', serverName: null });
  }

  remove(name: string): void {
    const topic = this.#byName.get(name);
    this.#byName.delete(name);
    if (topic !== undefined && topic.serverName !== null) this.#release(topic.serverName);
  }

  /** A new connection: it has no topics yet. */
  restart(): void {
    this.#unwanted.clear();
    this.#mustResume = true;
    for (const topic of this.#byName.values()) {
      // Hints are not sent again: only a snapshot tells what was missed.
      const isOfHints = topic.snapshot && /^(?:job|queue):/.test(topic.name);
      if (topic.stage === 'expected' || isOfHints) topic.stage = 'wanted';
    }
  }

  /** Everything is to be asked for, with a snapshot. */
  expire(): void {
    for (const topic of this.#byName.values()) Object.assign(topic, { stage: 'wanted', snapshot: true });
  }

  /** What the server is to be told next. */
  next(cursor: string | null): TopicsRequest | null {
    if (this.#mustResume) {
      this.#mustResume = false;
      const topics = [...this.#byName.values()].filter(({ stage }) => stage === 'held');
      if (topics.length > 0 && cursor !== null) return { type: 'subscribe', topics, since: cursor };
    }
    if (this.#unwanted.size > 0) {
      const topics = fitting([...this.#unwanted].map((name) => ({ name })));
      for (const { name } of topics) this.#unwanted.delete(name);
      return { type: 'unsubscribe', topics };
    }
    const wanted = [...this.#byName.values()].filter(({ stage }) => stage === 'wanted');
    const first = wanted[0];
    if (first === undefined) return null;
    const topics = fitting(wanted.filter(({ snapshot }) => snapshot === first.snapshot));
    return first.snapshot ? { type: 'subscribe', topics, snapshot: true } : { type: 'subscribe', topics };
  }

  /** `serverNames` are in the order of the request. */
  answered(request: TopicsRequest, serverNames: readonly string[]): void {
    if (request.type === 'unsubscribe') return;
    for (const [n, topic] of request.topics.entries()) {
      const serverName = serverNames[n] ?? topic.name;
      topic.serverName = serverName;
      topic.stage = request.snapshot === true ? 'expected' : 'held';
      if (this.#byName.get(topic.name) !== topic) this.#release(serverName);
      else if (!this.#byServerName.has(serverName)) this.#byServerName.set(serverName, topic);
    }
  }

  /** Events or a snapshot of these topics came. False: they are of no topic that is wanted. */
  hold(serverNames: readonly string[]): boolean {
    let isWanted = false;
    for (const serverName of serverNames) {
      const topic = this.#byServerName.get(serverName);
      if (topic === undefined || topic.stage === 'wanted') continue;
      topic.stage = 'held';
      isWanted = true;
    }
    return isWanted;
  }

  /** Nobody wants it by the name that it was asked for. */
  #release(serverName: string): void {
    const others = [...this.#byName.values()].filter((topic) => topic.serverName === serverName);
    const [other] = others;
    if (other !== undefined) return void this.#byServerName.set(serverName, other);
    this.#byServerName.delete(serverName);
    this.#unwanted.add(serverName);
  }
}

/** As many as fit into one message. */
function fitting<T extends { readonly name: string }>(topics: readonly T[]): readonly T[] {
  let length = 0;
  const end = topics.findIndex(({ name }) => {
    length += name.length + 3;
    return length > TOPICS_LENGTH_MAX;
  });
  return end === -1 ? topics : topics.slice(0, Math.max(1, end));
}

export const requestText = ({ topics, ...request }: TopicsRequest): string =>
  JSON.stringify({ ...request, topics: topics.map(({ name }) => name) });
