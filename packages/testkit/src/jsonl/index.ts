export { check, parseObject } from './decode-line.js';
export { HexBytes, Integer, Quantity, textLike } from './codecs.js';
export { describeMalformedLine, readLines, type MalformedLine } from './read-lines.js';
