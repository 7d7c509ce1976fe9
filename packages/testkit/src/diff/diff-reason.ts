/** What explains a difference: a row of one of the tables of differences. */
export interface DiffReason {
  /** What the sides differ in that makes them answer differently. */
  readonly table: 'personality' | 'kernel' | 'vendor';
  /** Row: a number of the 42-row table, a property of the kernel profile, a capability of the backend. */
  readonly id: string;
  readonly topic: string;
  /** What the left and the right side do. */
  readonly left: string;
  readonly right: string;
}
