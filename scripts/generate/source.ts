/** What the generators share: tables from form to code, and the frame of a generated file. */
import type { Field, Form } from '../../src/records/fields.js';

/** The code of a layer for each form; null: no record in this layer has such a field. */
export type CodeOf<Make> = Readonly<Record<Form, Make | null>>;

/**
 * The code for a field. `where` names the field in the error if the layer has no code for its form.
 */
export function codeFor<Make>(table: CodeOf<Make>, { form }: Field, where: string): Make {
  const make = table[form];
  if (make === null) throw new Error(`${where}: this layer has no code for a field of the form ${form}`);
  return make;
}

/** Leaves out the imports that `body` does not use. */
export function generatedFile(about: string, imports: readonly Import[], body: string): string {
  const lines = imports.flatMap(({ all, names, types, from }) => {
    if (all !== undefined) return [`import * as ${all} from '${from}';`];
    const isUsed = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(body);
    const values = (names ?? []).filter(isUsed);
    const onlyTypes = (types ?? []).filter(isUsed);
    if (values.length === 0 && onlyTypes.length === 0) return [];
    if (values.length === 0) return [`import type { ${onlyTypes.join(', ')} } from '${from}';`];
    return [`import { ${[...values, ...onlyTypes.map((name) => `type ${name}`)].join(', ')} } from '${from}';`];
  });
  const head = ` * ${about.split('\n').join('\n * ')}\n *\n * Written by \`npm run generate\` from the declarations in src/. Do not edit.`;
  return `/**\n${head}\n */\n${lines.join('\n')}\n\n${body}\n`;
}

export interface Import {
  /** The name under which all exports of the file are imported. */
  readonly all?: string;
  readonly names?: readonly string[];
  readonly types?: readonly string[];
  readonly from: string;
}

/** Types that a field of the form `json` can name, by the file of src/records that has them. */
const JSON_TYPES = {
  flash: ['OrderView', 'Stock', 'StockView'],
  promotions: [
    'BookOffer',
    'GivenBack',
    'Promotion',
    'PromotionAmounts',
    'PromotionPlan',
    'PromotionSettings',
    'PromotionView',
    'RedemptionIds',
    'ReservationView',
    'ReservedCart',
  ],
};

/** `from`: the path to src/records. */
export const jsonTypeImports = (from: string): Import[] =>
  Object.entries(JSON_TYPES).map(([file, types]) => ({ types, from: `${from}/${file}.js` }));

export const inCapitals = (name: string): string => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
