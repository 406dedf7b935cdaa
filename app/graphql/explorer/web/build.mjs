// Builds the explorer's page into ../dist: files named after their content, each with a gzipped twin, a manifest that
// tells the server which of them the page starts with, and the licences of everything that went into them.
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = join(here, "../dist");
const building = `${target}.building`;

// GraphiQL's style sheet carries its fonts as data URIs, eight tenths of its size. The system's fonts do as well, and
// the page's content security policy need not allow data URIs as fonts.
const withoutFonts = {
  name: "without-fonts",
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules\/.*\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    })),
};

await rm(building, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx"],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  entryNames: "[name]-[hash]",
  outdir: building,
  plugins: [withoutFonts],
  metafile: true,
});

const [start] = Object.entries(metafile.outputs).filter(([, output]) => output.entryPoint === "src/main.tsx");
const [script, { cssBundle }] = start;
for (const name of await readdir(building)) {
  const file = join(building, name);
  await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }));
}
const manifest = { script: basename(script), style: basename(cssBundle) };
await writeFile(join(building, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await writeFile(join(building, "licences.txt"), await collectLicences(Object.keys(metafile.inputs)));
await rm(target, { recursive: true, force: true });
await rename(building, target);

/** The licence files of the packages that `inputs` (paths below node_modules among them) belong to, as one text. */
async function collectLicences(inputs) {
  const folders = new Set(inputs.flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []));
  const texts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
    const files = (await readdir(join(here, folder))).filter((file) => /^(licen[cs]e|notice)/i.test(file));
    const found = await Promise.all(files.map((file) => readFile(join(here, folder, file), "utf8")));
    texts.push([`${name} ${version} (${license})`, ...found].join("\n\n"));
  }
  return `${texts.join("\n\n----\n\n")}\n`;
}
