"""Citations as BibTeX: every card gives an entry that holds what the citation says."""

from __future__ import annotations

from unmix import methods
from unmix.report.bibtex import bibtex


def test_an_article_is_taken_apart():
    text = "Li Z, Wu H. TOAST: improving things & more. Genome Biology 20, 190-192 (2019)."
    assert bibtex([(text, "10.1/x_y")]) == (
        "@article{li2019,\n  author = {Li, Z. and Wu, H.},\n  title = {{TOAST: improving things \\& more}},\n"
        "  journal = {Genome Biology},\n  volume = {20},\n  pages = {190--192},\n  year = {2019},\n"
        "  doi = {10.1/x_y},\n}"
    )


def test_cards_give_articles_with_their_doi_and_keys_differ():
    infos = [method.info for method in methods.all_methods().values() if method.info.doi]
    entries = bibtex([(info.citation, info.doi) for info in infos]).split("\n\n")
    assert len({entry.partition(",")[0] for entry in entries}) == len(infos)
    for info, entry in zip(infos, entries, strict=True):
        assert f"doi = {{{info.doi}}}" in entry
        assert str(info.year) in entry
    assert sum(entry.startswith("@article") for entry in entries) >= len(infos) - 3


def test_another_form_is_kept_as_a_note():
    assert "note = {A method of this project.}" in bibtex([("A method of this project.", "")])
