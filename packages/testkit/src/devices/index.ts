export { EduDriver, type EduDirection } from './edu-driver.js';
export { EduDevice, type EduOptions } from './edu-device.js';
export { EDU_BUFFER, EDU_BUFFER_BYTES, EduDma, EduRegister } from './edu-layout.js';
