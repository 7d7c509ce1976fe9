export { decodeOptions, requireOptions } from './decode-options.js';
export {
  flagOption,
  integerOption,
  oneOfOption,
  optionRecord,
  powerOfTwoOption,
  refined,
  word64Option,
  type OptionFields,
} from './option-codecs.js';
