import { InvalidArgumentError } from 'commander';

/** Parses an argument that must be a whole number from 0 on. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number.');
  return value;
}
