"""Distribution metadata of Tuwen; the exact versions stand in requirements/*.txt."""

from pathlib import Path

from setuptools import find_packages, setup

ROOMS = ("data", "trainer", "components", "pipeline")
RUNTIME = [
    "aiohttp>=3.9",
    "apache-beam",
    "grpcio",
    "jinja2",
    # tensorflow-datasets imports it and does not ask for it.
    "importlib_resources",
    "keras>=3.12",
    "keras-tuner>=1.4",
    "numpy",
    "pillow>=10",
    "pyyaml",
    "scipy",
    "tensorboard",
    "tensorflow>=2.16",
    "tensorflow-datasets>=4.9",
    "tensorflow-serving-api",
    "tensorflow-text>=2.16",
    "threadpoolctl",
    "tqdm",
]
TFX = ["tfx>=1.16"]
# Part of speech of words in captions.
TAGGER = ["HanTa", "rjieba>=0.2"]
# Figures of captions that few machines can make: METEOR and SPICE (they need Java), Chinese words.
CAPTIONS = ["pycocoevalcap>=1.2", "rjieba>=0.2"]
DEV = [
    *TAGGER,
    "hypothesis",
    "ipykernel",
    "jsonschema",
    "mypy",
    "nbclient",
    "playwright",
    "pytest",
    "pytest-xdist",
    "requests",
    "ruff",
    "types-PyYAML",
]
# Files that the code reads at run time: schemas, configs, templates, and what TFDS asks beside a
# builder (README.md, CITATIONS.bib, TAGS.txt).
PACKAGE_DATA = [
    f"**/*.{ending}" for ending in ("bib", "css", "html", "j2", "js", "md", "pbtxt", "yaml")
]
PACKAGE_DATA += ["**/TAGS.txt"]

setup(
    name="tuwen",
    version="0.1.0",
    description="Pictures from captions, captions from pictures, each checking the other",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The Tuwen Authors",
    # A licence expression (PEP 639) takes no `License ::` classifier beside it.
    license_expression="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    classifiers=[
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=[f"{room}{inner}" for room in ROOMS for inner in ("", ".*")]),
    package_data=dict.fromkeys(ROOMS, PACKAGE_DATA),
    install_requires=RUNTIME,
    extras_require={"tfx": TFX, "tagger": TAGGER, "captions": CAPTIONS, "dev": DEV},
    entry_points={"console_scripts": ["tuwen = pipeline.cli:main"]},
)
