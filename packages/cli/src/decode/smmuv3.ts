import { hex } from '@ioasis/core';
import { smmuV3Layouts } from '@ioasis/hw-arm-smmuv3';
import { CAUSES, type CauseGroup } from './causes.js';
import type { Decoded } from './decoded.js';

const { EVENT, EventClass, EventId } = smmuV3Layouts;
type EventName = smmuV3Layouts.EventName;

const names = new Map<number, EventName>(
  (Object.entries(EventId) as [EventName, number][]).map(([name, id]) => [id, name]),
);
const classNames: readonly string[] = Object.entries(EventClass).map(
  ([name]) => ({ CD: 'fetching a CD', TTD: 'reading a table', IN: 'the input address itself' })[name] ?? name,
);

/** What each event says, its section of IHI 0070, and what is usually behind it. */
const EVENTS: Readonly<Record<EventName, readonly [why: string, section: string, causes: CauseGroup]>> = {
  F_UUT: ['a kind of request that the unit does not support', '7.3.2', 'ats'],
  C_BAD_STREAMID: [
    'a StreamID beyond the stream table, or in a level 1 descriptor with Span = 0',
    '7.3.3',
    'notAttached',
  ],
  F_STE_FETCH: ['no memory answered for the STE', '7.3.4', 'memory'],
  C_BAD_STE: ['an STE with V = 0, or with a reserved or unsupported value', '7.3.5', 'structure'],
  F_BAD_ATS_TREQ: ['a translation request where the STE or the unit has ATS off', '7.3.6', 'ats'],
  F_STREAM_DISABLED: ['a request without substream on a stream with S1DSS = 0', '7.3.7', 'pasid'],
  F_TRANSL_FORBIDDEN: ['a translated request that the STE does not allow', '7.3.8', 'ats'],
  C_BAD_SUBSTREAMID: [
    'a SubstreamID beyond the context table, on a stream without substreams, or 0 where S1DSS = 2',
    '7.3.9',
    'pasid',
  ],
  F_CD_FETCH: ['no memory answered for the CD', '7.3.10', 'memory'],
  C_BAD_CD: ['a CD with V = 0, or with a reserved or unsupported value', '7.3.11', 'structure'],
  F_WALK_EABT: ['no memory answered for a table entry', '7.3.12', 'memory'],
  F_TRANSLATION: [
    'a descriptor with VALID = 0 or of a reserved type, or an address outside of both tables',
    '7.3.13',
    'notMapped',
  ],
  F_ADDR_SIZE: ['an output address that is wider than what the CD, the STE or the unit allows', '7.3.14', 'width'],
  F_ACCESS: ['a page with AF = 0, and nobody who sets it', '7.3.15', 'structure'],
  F_PERMISSION: ['a page that does not allow this', '7.3.16', 'right'],
  F_TLB_CONFLICT: ['two translations of one address in the TLB: break-before-make was not kept', '7.3.17', 'structure'],
  F_CFG_CONFLICT: ['two configurations of one stream in the caches: an invalidation is missing', '7.3.18', 'structure'],
  E_PAGE_REQUEST: ['a hint that pages may be needed soon; no fault', '7.3.19', 'notMapped'],
  F_VMS_FETCH: ['no memory answered for the VMS', '7.3.20', 'memory'],
};

/** Ids below 0x10 are about configuration: their records have neither an address nor the kind of access. */
const FIRST_TRANSLATION_ID = 0x10;

/** Decodes an event record. @param record 256 bits */
export function decodeSmmuRecord(record: bigint, line?: number): Decoded {
  const fields = EVENT.decode(record);
  const id = Number(fields.ID);
  const name = names.get(id);
  const hasAccess = id >= FIRST_TRANSLATION_ID || name === 'F_WALK_EABT';
  const access = `${fields.PNU === 0n ? 'an unprivileged' : 'a privileged'} ${
    fields.IND === 1n ? 'instruction fetch' : fields.RNW === 1n ? 'read' : 'write'
  }`;
  const stage = `stage ${fields.S2 === 0n ? 1 : 2}, ${classNames[Number(fields.CLASS)] ?? `class ${fields.CLASS}`}`;
  const who = [
    `StreamID ${hex(fields.SID)}`,
    fields.SSV === 0n ? 'no substream' : `SubstreamID ${hex(fields.SSID)}`,
    hasAccess ? access : '',
    fields.STALL === 1n ? `stalled with tag ${hex(fields.STAG)}` : '',
  ].filter(Boolean);
  const ipa = fields.S2 === 0n || !hasAccess ? '' : `, IPA ${hex(fields.IPA)}`;
  return {
    line,
    what: `SMMUv3 event 0x${id.toString(16).padStart(2, '0')} ${name ?? 'that does not exist'}`,
    who: who.join(', '),
    ...(hasAccess ? { where: `IOVA ${hex(fields.ADDRESS)}${ipa} (${stage})` } : {}),
    ...meaningOf(name),
    fields: Object.entries(fields),
  };
}

function meaningOf(name: EventName | undefined): Partial<Decoded> {
  if (name === undefined)
    return { why: 'the specification has no event of this number; the words may be in the wrong order' };
  const [why, section, causes] = EVENTS[name];
  return { why, check: `IHI 0070 ${section}`, causes: CAUSES[causes] };
}

const RAW = /event 0x([0-9a-f]{2}) received:/;
const WORD = /\b0x([0-9a-f]{16})\b/g;
const NAMED =
  /event: (\w+) client: (.+?) sid: (0x[0-9a-f]+|0) ssid: (0x[0-9a-f]+|0) iova: (0x[0-9a-f]+|0) ipa: (0x[0-9a-f]+|0)/;
const DETAIL = /((?:un)?priv) (data|inst) (read|write) s([12]) "([^"]*)"( stall)?/;

/**
 * Reads an event of Linux's log: the four words after `received:`, on the same line or the next four, or the named form of recent kernels
 * with its second line.
 * @returns undefined: not such a line
 */
export function parseSmmuLine(lines: readonly string[], at: number): Decoded | undefined {
  const text = lines[at] ?? '';
  if (RAW.test(text)) {
    const words = [
      ...lines
        .slice(at, at + 5)
        .join('\n')
        .matchAll(WORD),
    ]
      .slice(0, 4)
      .map(([, word]) => BigInt(`0x${word}`));
    if (words.length < 4) return undefined;
    return decodeSmmuRecord(
      words.reduceRight((above, word) => (above << 64n) | word, 0n),
      at + 1,
    );
  }
  const named = NAMED.exec(text);
  if (named === null) return undefined;
  const [, event = '', client = '', sid, ssid, iova, ipa] = named;
  const name = Object.hasOwn(EventId, event) ? (event as EventName) : undefined;
  const detail = DETAIL.exec(lines[at + 1] ?? '');
  const substream = Number(ssid) === 0 ? 'no substream' : `SubstreamID ${ssid}`;
  const access =
    detail === null
      ? ''
      : `, ${detail[1] === 'priv' ? 'a privileged' : 'an unprivileged'} ${detail[2] === 'inst' ? 'instruction fetch' : detail[3]}`;
  const stage = detail === null ? '' : ` (stage ${detail[4]}, ${detail[5]})`;
  return {
    line: at + 1,
    what: `SMMUv3 event ${name === undefined ? '' : `0x${EventId[name].toString(16).padStart(2, '0')} `}${event}`,
    who: `${client}, StreamID ${sid}, ${substream}${access}`,
    where: `IOVA ${iova}${Number(ipa) === 0 ? '' : `, IPA ${ipa}`}${stage}`,
    ...meaningOf(name),
  };
}
