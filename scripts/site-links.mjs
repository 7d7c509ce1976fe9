// Links of the built site that lead nowhere, to a page or to a place on one: brokenLinks(FOLDER).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const ELSEWHERE = /^(?:https?:|data:|mailto:|javascript:)/;

/** @returns {string[]} a line for each, sorted */
export function brokenLinks(site) {
  const pages = new Map(
    readdirSync(site, { recursive: true })
      .filter((name) => name.endsWith('.html'))
      .map((page) => [page, readFileSync(join(site, page), 'utf8')]),
  );
  const placesOf = new Map();
  const hasPlace = (page, place) => {
    if (!placesOf.has(page)) {
      placesOf.set(page, new Set([...pages.get(page).matchAll(/ (?:id|name)="([^"]+)"/g)].map(([, id]) => id)));
    }
    return placesOf.get(page).has(place);
  };

  const broken = new Set();
  for (const [page, text] of pages) {
    for (const [, link] of text.matchAll(/ (?:href|src)="([^"]*)"/g)) {
      if (ELSEWHERE.test(link) || link === '#') continue;
      const [path, place = ''] = decodeURI(link.replaceAll('&amp;', '&')).split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      const isThere = pages.has(target) || existsSync(join(site, target));
      if (!isThere || (place !== '' && pages.has(target) && !hasPlace(target, place))) {
        broken.add(`${page}: ${link} leads nowhere`);
      }
    }
  }
  return [...broken].toSorted();
}
