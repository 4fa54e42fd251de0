"""Write the pictures of docs/inspector.md and README.md. They need Chromium and the extra browser.

The command is `python tests/generate_pictures.py`.
"""

from support.browser import chromium
from support.pictures import FOLDER, PICTURES, served_episode, take

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser, served_episode() as server:
        for picture in PICTURES:
            picture.path.write_bytes(take(browser, server, picture))
