import { left, right, type Either } from 'fp-ts/lib/Either.js';
import type { ErrnoName } from './errno.js';

/** Numbers, ids and ranges that explain a refusal. bigint values print as hex. */
export type Facts = Readonly<Record<string, bigint | number | string | boolean>>;

/**
 * Why a call was refused. A refusal is a value, never an exception: exceptions are bugs of ioasis or of its caller's types.
 *
 * Tests assert `errno` and `code`; `rule` and `hint` are prose and may be reworded.
 */
export interface Refusal {
  /** What the program sees. */
  readonly errno: ErrnoName;
  /** Stable name of the broken rule; one errno has many codes (EINVAL of IOAS_MAP has at least twelve). */
  readonly code: string;
  /** The rule, as a sentence. */
  readonly rule: string;
  /** The numbers of this very call: what was asked, what blocks it. */
  readonly facts: Facts;
  /** The nearest legal value or the missing step; empty where nothing helps. */
  readonly hint: string;
}

/** Result of everything that a user may ask for: a refusal or a value. */
export type IoResult<A> = Either<Refusal, A>;

/** One row of the table of refusal codes; the documentation prints these. */
export interface RefusalRule {
  readonly errno: ErrnoName;
  readonly rule: string;
  /** Where the rule comes from: a kernel function, a section, a recording. */
  readonly source: string;
  /** General way out; a call site may give a more precise one. */
  readonly hint?: string;
}

/** The rows of one room, with the function that turns a row into a refusal. */
export interface RefusalTable<Code extends string> {
  /** Room that owns the codes, e.g. `iommufd`. */
  readonly room: string;
  readonly rules: Readonly<Record<Code, RefusalRule>>;
  /** Builds the refusal. `hint` replaces the row's general one. */
  refusal(code: Code, facts?: Facts, hint?: string): Refusal;
  /** The same as a `Left`, ready to return. */
  refuse(code: Code, facts?: Facts, hint?: string): Either<Refusal, never>;
}

const tables: RefusalTable<string>[] = [];
const noFacts: Facts = {};

/**
 * Declares the refusal codes of one room. A code is unique over the whole library; declaring it twice is a bug and throws at load.
 */
export function refusalTable<Code extends string>(
  room: string,
  rules: Readonly<Record<Code, RefusalRule>>,
): RefusalTable<Code> {
  for (const table of tables) {
    for (const code of Object.keys(rules)) {
      if (code in table.rules) throw new Error(`refusal code ${code} is declared by ${table.room} and by ${room}`);
    }
  }
  const refusal = (code: Code, facts: Facts = noFacts, hint?: string): Refusal => {
    const row: RefusalRule = rules[code];
    return { errno: row.errno, code, rule: row.rule, facts, hint: hint ?? row.hint ?? '' };
  };
  const table: RefusalTable<Code> = {
    room,
    rules,
    refusal,
    refuse: (code, facts, hint) => left(refusal(code, facts, hint)),
  };
  tables.push(table as unknown as RefusalTable<string>);
  return table;
}

/** Every refusal code of the loaded packages, in order of declaration. */
export function allRefusalRules(): readonly {
  readonly room: string;
  readonly code: string;
  readonly rule: RefusalRule;
}[] {
  return tables.flatMap((table) =>
    Object.entries(table.rules).map(([code, rule]) => ({ room: table.room, code, rule })),
  );
}

/** Success without a value, shared so that a call which answers 0 allocates nothing. */
export const done: IoResult<0> = right(0);

/** One line for a person: code, errno, rule, facts in hex, hint. */
export function describeRefusal(refusal: Refusal): string {
  const facts = Object.entries(refusal.facts)
    .map(([name, value]) => `${name}=${typeof value === 'bigint' ? `0x${value.toString(16)}` : String(value)}`)
    .join(' ');
  return [`${refusal.errno} ${refusal.code}: ${refusal.rule}`, facts && `[${facts}]`, refusal.hint]
    .filter(Boolean)
    .join(' ');
}
