// A plug-in for typedoc: a guide is called by its heading, not by its path.
import { Converter, ReflectionKind } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const [text] = document.content;
    const heading = /^# (.+)$/m.exec(text?.text ?? '');
    if (heading && document.kindOf(ReflectionKind.Document)) document.name = heading[1].replaceAll('`', '');
  });
}
