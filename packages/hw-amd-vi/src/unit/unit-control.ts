/** What the Control register says to request paths. One object per unit, shared by the path that serves and the one that explains. */
export class UnitControl {
  /** IommuEn: false, and everything passes. */
  enabled = false;
  /** GTEn: false, and device table entries with guest tables are illegal. */
  guestTables = false;
}
