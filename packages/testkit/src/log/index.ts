export {
  outermost,
  type ChangedWord,
  type EventOf,
  type Happening,
  type LogEvent,
  type LogEventKind,
  type Operation,
} from './event.js';
