export { ioctlsOf, refusalCatalogue, type CatalogueEntry } from './refusal-catalogue.js';
