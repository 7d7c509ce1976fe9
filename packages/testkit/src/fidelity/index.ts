export { renderFidelity, type FidelityLadder } from './render-fidelity.js';
