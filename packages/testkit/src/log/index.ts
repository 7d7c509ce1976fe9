export {
  outermost,
  type CallRecord,
  type ChangedWord,
  type EventOf,
  type Happening,
  type LogEvent,
  type LogEventKind,
  type Operation,
} from './event.js';
export { EventLog, type MappedBy } from './event-log.js';
export { eventText } from './event-text.js';
