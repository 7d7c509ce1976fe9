/** What Linux counts per user (`struct user_struct`); shared by all processes of the user. */
export class UserAccount {
  /** Pages charged to the user (`locked_vm`). */
  lockedPages = 0;
}
