"""Look at DICOM files in OHIF, as a radiologist would see them.

    python bench/ohif_screenshot.py --out shots FILE_OR_FOLDER...

Starts Debian's Orthanc in a temporary folder and stores the files in it, serves the OHIF viewer with
Orthanc's DICOMweb behind the same port, opens every study in Debian's Chromium without a window, double-clicks
each entry of its study browser and writes one PNG for each (`STUDY-NN-LABEL.png`). Also prints what the
browser's console and the DICOMweb server complained about. `--serve` keeps the viewer up for a browser of
your own instead.

A check to be looked at by a person, not a test: the first call downloads OHIF (npm @ohif/app, 50 MB, MIT) into
`~/.cache/dicomnode`. Needs `apt-get install orthanc orthanc-dicomweb chromium npm` and `pip install playwright`
(its Python part alone: Debian's Chromium is used).
"""

from __future__ import annotations

import argparse
import http.client
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from interop.peers import Orthanc, orthanc  # noqa: E402  # the tests' peers stand beside the package

OHIF_VERSION = "3.13.2"
CACHE = Path.home() / ".cache" / "dicomnode"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}
APP_CONFIG = """window.config = {
  routerBasename: '/', extensions: [], modes: [], showStudyList: true, defaultDataSourceName: 'dicomweb',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Orthanc', name: 'orthanc',
      qidoRoot: '/dicom-web', wadoRoot: '/dicom-web', wadoUriRoot: '/wado',
      qidoSupportsIncludeField: false, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true,
      bulkDataURI: { enabled: true }, omitQuotationForMultipartRequest: true,
    },
  }],
};
"""


def ohif_folder() -> Path:
    """Folder of the ready-made viewer, downloaded once."""
    folder = CACHE / f"ohif-{OHIF_VERSION}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            subprocess.run(
                ["npm", "pack", f"@ohif/app@{OHIF_VERSION}"], cwd=scratch, check=True, stdout=subprocess.DEVNULL
            )
            shutil.unpack_archive(next(Path(scratch).glob("*.tgz")), scratch, filter="data")
            (Path(scratch) / "package" / "dist").rename(folder)
    return folder


class ViewerHandler(SimpleHTTPRequestHandler):
    """Serves the viewer's files, its configuration and, behind the same port, Orthanc's DICOMweb."""

    orthanc_port: int
    complaints: list[str]

    def do_GET(self) -> None:
        """Answer with DICOMweb, the configuration, a file of the viewer or its start page."""
        if self.path.startswith("/dicom-web"):
            self._forward()
        elif self.path == "/app-config.js":
            self._answer(200, {"Content-Type": "text/javascript"}, APP_CONFIG.encode())
        else:
            if not (Path(self.directory) / self.path.split("?")[0].lstrip("/")).is_file():
                self.path = "/index.html"  # the viewer's own routes
            super().do_GET()

    def _forward(self) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", self.orthanc_port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
        upstream.request("GET", self.path, headers=headers)
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        if answer.status >= 400:
            self.complaints.append(f"{answer.status} {self.path}")
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        self._answer(answer.status, kept, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Isolate the page from other origins, as the viewer's workers want it."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        """Say nothing of every request."""


def photograph(viewer_url: str, pacs: Orthanc, out: Path) -> None:
    """Open every study and every entry of its study browser, one PNG each."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        for hit in pacs.qido("studies"):
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.on(
                "console", lambda message: print("console:", message.text[:300]) if message.type == "error" else None
            )
            page.on("pageerror", lambda error: print("page error:", str(error)[:300]))
            uid = hit["0020000D"][0]
            page.goto(f"{viewer_url}/viewer?StudyInstanceUIDs={quote(uid)}")
            page.wait_for_selector("canvas", timeout=60_000)
            page.wait_for_timeout(6_000)
            for nuisance in ("Skip all", "Confirm and hide"):  # the tour of the first visit and the notice
                for button in page.get_by_text(nuisance).all():
                    button.click()
            name = re.sub(r"\W+", "-", str(hit.get("00100020", [uid])[0]))
            _photograph_entries(page, out, name)
            page.close()
        browser.close()


def _photograph_entries(page, out: Path, name: str) -> None:
    entries = page.locator('[data-cy^="study-browser-thumbnail"]')
    print(f"{name}: {entries.count()} entries")
    for index in range(entries.count()):
        label = re.sub(r"\W+", "-", entries.nth(index).inner_text())[:60].strip("-")
        entries.nth(index).dblclick()
        page.wait_for_timeout(5_000)
        for answer in ("No", "No, do not ask again"):  # an SR asks whether to track its measurements
            for button in page.get_by_role("button", name=answer, exact=True).all():
                button.click()
        file = out / f"{name}-{index:02d}-{label}.png"
        page.screenshot(path=file)
        print(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+", help="DICOM files, or folders of them")
    parser.add_argument("--out", type=Path, default=Path("ohif-screenshots"))
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--serve", action="store_true", help="take no pictures; serve until Ctrl-C")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = [file for path in arguments.paths for file in (sorted(path.rglob("*.dcm")) if path.is_dir() else [path])]
    dicomweb = {"Enable": True, "Root": "/dicom-web/", "Host": f"localhost:{arguments.port}"}
    with tempfile.TemporaryDirectory() as folder, orthanc(Path(folder), DicomWeb=dicomweb, LuaScripts=[]) as pacs:
        for file in files:
            pacs.upload(file)
        url = f"http://localhost:{arguments.port}"
        ViewerHandler.orthanc_port, ViewerHandler.complaints = pacs.http_port, []
        viewer = ohif_folder()
        server = ThreadingHTTPServer(
            ("127.0.0.1", arguments.port), lambda *args: ViewerHandler(*args, directory=str(viewer))
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if arguments.serve:
            print(f"OHIF with {len(files)} files at {url}; Ctrl-C ends it")
            threading.Event().wait()
        photograph(url, pacs, arguments.out)
        print(*(f"DICOMweb: {complaint}" for complaint in ViewerHandler.complaints), sep="\n")
        server.shutdown()


if __name__ == "__main__":
    main()
