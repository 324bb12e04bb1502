"""Makes the documentation site of the repository's own files.

mkdocs.yml lists the pages by their paths in the repository. This adds what they link to: pictures
as they are, source files and folders as pages of their own, and the API pages. A page keeps its
path, so a relative link leads to the same thing on the site and on the repository's page.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[2]
API = "api/"
STYLE = "docs/site/style.css"
STATIC = {".png"}
# Code is passed over: what looks like a link there is none.
_LINK = re.compile(
    r"^(?P<fence>`{3,}).*?^(?P=fence)$|`[^`\n]+`|\]\((?P<target>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)",
    re.MULTILINE | re.DOTALL,
)
_DRAWING = re.compile(r"!\[[^\]]*\]\((?P<target>[^)\s:]+\.svg)\)")
_APART = "---\ntitle: {title}\nhide: [toc]\nsearch:\n  exclude: true\n---\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Names the anchors of headings as GitHub does."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Puts the pages of the navigation, and what they link to, in place of the folder `docs`."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    pages = list(pages_of(config.nav))
    for path in (*pages, STYLE):
        if path.startswith(API):
            files.append(File.generated(config, path, content=api_page(path)))
        elif (ROOT / path).is_file():
            files.append(_file(path, config))
        else:
            raise PluginError(f"mkdocs.yml names {path}, which does not exist")
    for target in sorted(set().union(*(targets(path) for path in pages))):
        page = page_of(target)
        if files.get_file_from_path(page):
            continue
        if page == target:
            files.append(_file(target, config))
        else:
            content = folder_page(target) if (ROOT / target).is_dir() else source_page(target)
            hidden = InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, page, content=content, inclusion=hidden))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Puts drawings into the page, which then have its colours, and mends links to source."""
    path = page.file.src_uri

    def drawn(match: re.Match[str]) -> str:
        drawing = ROOT / _resolved(path, match["target"])
        return f'<div class="drawing">\n{drawing.read_text(encoding="utf-8")}</div>'

    def linked(match: re.Match[str]) -> str:
        target = match["target"] and _resolved(path, match["target"])
        if not target or page_of(target) == target:
            return match[0]
        way = posixpath.relpath(page_of(target), posixpath.dirname(path) or ".")
        return f"]({way}{match['anchor'] or ''})"

    return _LINK.sub(linked, _DRAWING.sub(drawn, markdown))


def pages_of(nav: Any) -> Iterator[str]:
    """The paths in a navigation, in order."""
    if isinstance(nav, str):
        yield nav
    else:
        for one in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(one)


def targets(path: str) -> set[str]:
    """Files and folders of the repository that a page links to."""
    if path.startswith(API):
        return set()
    text = _DRAWING.sub("", (ROOT / path).read_text(encoding="utf-8"))
    found = {_resolved(path, match["target"]) for match in _LINK.finditer(text) if match["target"]}
    # mkdocs says which links lead nowhere.
    return {target for target in found if (ROOT / target).exists()}


def page_of(target: str) -> str:
    """Where the site has a file or a folder of the repository."""
    place = ROOT / target
    if place.is_dir():
        return f"{target}/README.md" if (place / "README.md").exists() else f"{target}/index.md"
    return target if place.suffix in STATIC | {".md"} or not place.exists() else f"{target}.md"


def api_page(path: str) -> str:
    """The public names of all modules in the folder that the path of an API page names."""
    name = path.removeprefix(API).removesuffix(".md")
    modules = [one for one in sorted((ROOT / name).glob("*.py")) if one.stem != "__init__"]
    if not modules:
        raise PluginError(f"mkdocs.yml: {path} is to show the folder {name}, which has no modules")
    dotted = name.replace("/", ".")
    shown = "\n\n".join(f"::: {dotted}.{module.stem}" for module in modules)
    return f"# {dotted}\n\n{_summary(ROOT / name / '__init__.py')}\n\n{shown}\n"


def folder_page(path: str) -> str:
    """What a folder holds, each module with the first sentence of its docstring."""
    rows = []
    for one in sorted((ROOT / path).iterdir()):
        if one.name.startswith((".", "__")):
            continue
        says = _summary(one / "__init__.py" if one.is_dir() else one).replace("|", r"\|")
        rows.append(f"| `{one.name}{'/' if one.is_dir() else ''}` | {says} |")
    head = _APART.format(title=f"{path}/")
    return "\n".join([f"{head}# `{path}/`\n", "| name | holds |", "|---|---|", *rows, ""])


def source_page(path: str) -> str:
    """A source file with its lines numbered."""
    place = ROOT / path
    language = {".py": "python", ".cpp": "cpp", ".sh": "bash"}.get(place.suffix, "text")
    text = place.read_text(encoding="utf-8").rstrip()
    fence = "`" * 8
    head = _APART.format(title=place.name)
    return f'{head}# `{path}`\n\n{fence} {{.{language} linenums="1"}}\n{text}\n{fence}\n'


def _summary(module: Path) -> str:
    """The first paragraph of a module's docstring."""
    if module.suffix != ".py" or not module.exists():
        return ""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


def _resolved(path: str, target: str) -> str:
    """A link of the page at `path` as a path in the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _file(path: str, config: MkDocsConfig) -> File:
    return File(path, str(ROOT), config.site_dir, config.use_directory_urls)
