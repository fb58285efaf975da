#!/usr/bin/env python3
"""Writes what others' licences ask to be told: THIRD-PARTY-NOTICES.txt, for the two programs and what lies beside them.

    scripts/notices.py [FILE]      default: target/package/doc/THIRD-PARTY-NOTICES.txt

Crates are those that cargo builds the programs from (normal and build dependencies on Linux, x86-64), their texts those of their
own sources. Libraries are those that scripts/install-libtorch.sh kept, in $LIBTORCH (default .libtorch).
A crate whose licence is not in ALLOWED, or that has none, is an error: somebody is to look at it first.
"""
import html, json, os, pathlib, re, subprocess, sys, textwrap, zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"

# A choice (OR) needs one of these, a sum (AND) all. MPL-2.0 holds file by file: the crates are used unchanged, and each entry
# says where its source is.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "MPL-2.0+", "OFL-1.1", "Ubuntu-font-1.0", "Unicode-3.0", "Unlicense", "Zlib",
}
# Files that hold terms: by name, anywhere in a crate but among its tests.
TERMS = re.compile(r".*licen[cs]e.*|copying.*|copyright.*|notices?(\..*)?|authors(\..*)?|(ofl|ufl)\.txt|.*\.ijg", re.I)
OWN = re.compile(r"(un)?licen[cs]e.*|copying.*", re.I)
CODE = {".rs", ".c", ".h", ".cpp", ".py", ".js", ".rtf", ".toml", ".json"}
TESTS = {"tests", "test", "testing", "examples", "benches", "fuzz"}
# Terms under a name that says nothing of them.
MORE = {"epaint_default_fonts": ["fonts/Hack-Regular.txt"], "font8x8": ["README.md"]}
# Crates whose manifest names a file in the place of a licence, by version: somebody looked at that file, and at another one's anew.
BY_FILE = {("milvus-sdk-rust", "3.0.3"): "Apache-2.0"}
REMARKS = {
    "epaint_default_fonts": "the font in the programs is Ubuntu-Light.ttf (Ubuntu font licence, UFL.txt)",
    "font8x8": "its glyphs are in the public domain (README.md)",
    "mkl_include": "oneMKL is within libtorch_cpu.so, and torch's wheel has no word of it; this wheel of Intel's has its terms",
    "turbojpeg-sys": "holds libjpeg-turbo: this software is based in part on the work of the Independent JPEG Group",
    "utoipa-swagger-ui-vendored": "holds Swagger UI (Apache-2.0), which the server serves under /docs",
}


def allowed(expression):
    """Whether the SPDX expression can be met with ALLOWED. The old form `MIT/Apache-2.0` means OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR ").replace(" WITH ", "\0"))

    def many(word, part, fold):
        results = [part()]
        while tokens and tokens[0] == word:
            tokens.pop(0)
            results.append(part())
        return fold(results)

    def one():
        token = tokens.pop(0) if tokens else ""
        if token != "(":
            return token.replace("\0", " WITH ") in ALLOWED
        result = either()
        return tokens[:1] == [")"] and bool(tokens.pop(0)) and result

    def either():
        return many("OR", lambda: many("AND", one, all), any)

    return either() and not tokens


def tree(edges):
    """The crates that cargo reaches over these edges, less this project's own: {(name, version): (licence, repository)}."""
    lines = subprocess.run(
        [os.environ.get("CARGO", "cargo"), "tree", "--locked", "--workspace", "--target", TARGET, "--edges", edges, "--prefix", "none",
         "--no-dedupe", "--format", "{p}|{l}|{r}"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    rows = [re.sub(r" \(\*\)$", "", line).split("|") for line in lines if line.strip()]
    known = [((p.split()[0], p.split()[1][1:]), licence, repository) for p, licence, repository in rows]
    return {crate: (licence or BY_FILE.get(crate, ""), repository) for crate, licence, repository in known
            if crate[0].split("-")[0] != "lookalike"}


class Texts:
    """Texts by number; those that differ in white space alone are one."""

    def __init__(self):
        self.known = {}

    def add(self, text, user):
        number, _, users = self.known.setdefault(" ".join(text.split()), (len(self.known) + 1, text, []))
        users.append(user)
        return number


def note(remark):
    return textwrap.fill(f"({remark})", 130, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def read(data):
    return data.decode("utf-8-sig", "replace")


class Crate:
    def __init__(self, name, version, licence, repository):
        self.name, self.version, self.licence, self.repository = name, version, licence, repository
        self.place = re.sub(r"\.git$", "", "/".join(repository.split("/")[:5]))
        home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
        found = sorted(home.glob(f"registry/src/*/{name}-{version}"))
        if not found:
            sys.exit(f"notices: the source of {name} {version} is not in {home}/registry/src: this script reads crates from registries alone")
        self.folder = found[0]
        authors = re.search(r"^authors = \[(.*?)\]", (self.folder / "Cargo.toml").read_text(encoding="utf-8"), re.M | re.S)
        self.authors = [re.sub(r" *<.*?>", "", a) for a in re.findall(r'"(.*?)"', authors[1])] if authors else []
        self.remarks = [REMARKS[name]] if name in REMARKS else []
        self.files = {}
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder)
            if path.is_file() and (TERMS.fullmatch(path.name) and path.suffix not in CODE and not TESTS & set(inside.parts[:-1])
                                   or str(inside) in MORE.get(name, [])):
                self.files[str(inside)] = read(path.read_bytes())
        self.own = {file: text for file, text in self.files.items() if OWN.fullmatch(file)}
        for archive in self.folder.glob("res/*.zip"):
            self.unpack(zipfile.ZipFile(archive))

    def unpack(self, archive):
        """Swagger UI's terms, and the npm packages that its bundle is made of."""
        top = archive.namelist()[0].split("/")[0]
        for file in ["LICENSE", "NOTICE"]:
            self.files[f"{top}/{file}"] = read(archive.read(f"{top}/{file}"))
        packages = json.loads(archive.read(f"{top}/package-lock.json"))["packages"]
        names = sorted({f"{path.split('node_modules/')[-1]} {package['version']} ({package.get('license', 'none named')})"
                        for path, package in packages.items() if path and not package.keys() & {"dev", "devOptional", "optional", "peer"}})
        self.remarks.append(f"Swagger UI's bundle is made of these npm packages, whose texts its archive leaves out: {', '.join(names)}")

    def borrow(self, crates):
        """Terms for a crate that brings none, and a word on where they are from."""
        for other in crates:
            if other.own and self.place and other.place == self.place and other.licence == self.licence:
                return other.own, f"no licence file in the crate; those of {other.name} {other.version}, from the same repository"
        if re.search(r"\bApache-2\.0\b", self.licence):
            return {"LICENSE": (ROOT / "LICENSE").read_text()}, "no licence file in the crate; the licence's common text"
        if re.search(r"\bMIT\b", self.licence):
            holders = ", ".join(self.authors) or f"the authors of {self.name}"
            text = (ROOT / "scripts/notices/MIT.txt").read_text().replace("HOLDERS", holders)
            return {"LICENSE": text}, "no licence file in the crate; the licence's common text, with the authors its manifest names"
        sys.exit(f"notices: {self.name} {self.version} ({self.licence}) has no licence file, and scripts/notices.py no text for it")

    def entry(self, crates, texts):
        files, remarks = self.files, self.remarks
        if not self.own:
            borrowed, remark = self.borrow(crates)
            files, remarks = {**files, **borrowed}, [remark, *remarks]
        title = f"{self.name} {self.version}"
        numbers = sorted({texts.add(text, f"{title}: {file}") for file, text in files.items()})
        lines = [title, f"  {self.licence}"] + ([f"  by {', '.join(self.authors)}"] if self.authors else [])
        lines += [f"  {self.repository or 'https://crates.io/crates/' + self.name}", *(note(remark) for remark in remarks)]
        return "\n".join([*lines, f"  texts: {', '.join(map(str, numbers))}"])


def libraries(texts):
    """An entry for each wheel that libtorch's folder holds libraries of."""
    folder = pathlib.Path(os.environ.get("LIBTORCH", ROOT / ".libtorch")) / "licenses"
    wheels = sorted(path for path in folder.glob("*") if path.is_dir())
    if not any(wheel.name.startswith("torch-") for wheel in wheels):
        sys.exit(f"notices: no licences of libtorch in {folder}: run scripts/install-libtorch.sh, or put torch's LICENSE and NOTICE into {folder}/torch-VERSION")
    for wheel in wheels:
        named = wheel / "LIBRARIES"
        lines = [wheel.name.replace("-", " ")]
        lines += [f"  {', '.join(named.read_text().split())}"] if named.exists() and named.stat().st_size else []
        lines += [note(REMARKS[name]) for name in [wheel.name.split("-")[0]] if name in REMARKS]
        numbers = [texts.add(read(path.read_bytes()), f"{wheel.name}: {path.name}") for path in sorted(wheel.iterdir()) if path != named]
        yield "\n".join([*lines, f"  texts: {', '.join(map(str, numbers))}"])
    gomp = ["libgomp.txt", "GPL-3.0.txt", "GCC-exception-3.1.txt"]
    numbers = [texts.add((ROOT / "scripts/notices" / file).read_text(), f"libgomp: {file}") for file in gomp]
    yield f"libgomp.so.1, within torch's wheel\n  GPL-3.0-or-later WITH GCC-exception-3.1\n  texts: {', '.join(map(str, numbers))}"


def rust(texts):
    """Rust's standard library is in both programs."""
    sysroot = subprocess.run([os.environ.get("RUSTC", "rustc"), "--print", "sysroot"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    page = pathlib.Path(sysroot, "share/doc/rust/COPYRIGHT-library.html")
    text = (ROOT / "LICENSE").read_text()
    if page.exists():
        text = html.unescape(re.sub(r"<head>.*?</head>|<[^>]+>", "", page.read_text(encoding="utf-8"), flags=re.S))
        text = re.sub(r"\n\s*\n\s*", "\n\n", text)
    return f"The Rust standard library\n  Apache-2.0 OR MIT\n  https://github.com/rust-lang/rust\n  texts: {texts.add(text, 'the Rust standard library')}"


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/package/doc/THIRD-PARTY-NOTICES.txt")
    used, linked = tree("normal,build"), tree("normal,no-proc-macro")
    refused = [f"  {name} {version}: {licence or 'none'}" for (name, version), (licence, _) in sorted(used.items()) if not allowed(licence)]
    if refused:
        sys.exit("\n".join(["notices: crates whose licence scripts/notices.py does not allow. Leave them out, or look at the "
                            "licence and add it to ALLOWED:", *refused]))
    crates, texts = [Crate(*key, *used[key]) for key in sorted(used)], Texts()
    parts = [
        ("Crates in the programs", [c.entry(crates, texts) for c in crates if (c.name, c.version) in linked] + [rust(texts)]),
        ("Crates that worked on the programs' making, or whose files are in them",
         [c.entry(crates, texts) for c in crates if (c.name, c.version) not in linked]),
        ("Libraries beside the programs", list(libraries(texts))),
    ]
    pages = [(ROOT / "scripts/notices/head.txt").read_text()]
    pages += [f"{'=' * 100}\n{title}\n{'=' * 100}\n\n" + "\n\n".join(entries) for title, entries in parts]
    pages += [f"{'=' * 100}\nTexts\n{'=' * 100}"]
    pages += [f"{'-' * 100}\n[{number}]  {'; '.join(users)}\n{'-' * 100}\n\n{text.rstrip()}" for number, text, users in texts.known.values()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n\n".join(pages) + "\n", encoding="utf-8")
    print(f"{out}: {len(crates)} crates, {len(texts.known)} texts, {out.stat().st_size // 1000} kB")


main()
