import type { Either } from 'fp-ts/lib/Either.js';
import { errnoName, type Facts, type Refusal } from '../errno/index.js';
import { iommufdRefusals, type IommufdRefusalCode } from './refusals.js';

/** Turns an errno number that a backend answered with into a refusal. `call` names what the backend was asked. */
export function refuseDriver(errno: number, call: string, facts: Facts): Either<Refusal, never> {
  const code = `DRIVER_${errnoName(errno)}`;
  if (!(code in iommufdRefusals.rules)) throw new RangeError(`${call} of a backend answered ${errnoName(errno)}`);
  return iommufdRefusals.refuse(code as IommufdRefusalCode, { call, ...facts });
}
