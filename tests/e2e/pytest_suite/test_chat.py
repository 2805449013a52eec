"""A suite such as a user has: it knows nothing of recshim. Run by test_pytest.py."""

import os

import openai
import pytest

MODEL = "gpt-4o"


@pytest.fixture(scope="session")
def client():
    return openai.OpenAI(base_url="https://api.openai.com/v1", api_key=os.environ["OPENAI_API_KEY"])


@pytest.fixture(scope="session")
def model_names(client):
    """Asked while the first test that needs it is set up, used by others too."""
    return [model.id for model in client.models.list()]


def ask(client, text, **options):
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **options)


def test_answer(client):
    assert "number" in ask(client, "One").choices[0].message.content


def test_stream(client):
    text = "".join(chunk.choices[0].delta.content or "" for chunk in ask(client, "Two", stream=True))
    assert text.endswith("Done.")


@pytest.mark.parametrize("word", ["red", "grün", "blue green"])
def test_parameter(client, word):
    assert word in ask(client, word).choices[0].message.content


def test_same_question(client):
    """The question of test_answer, but another test: a recording of its own."""
    assert ask(client, "One").id != ask(client, "One").id


def test_models(client, model_names):
    assert MODEL in model_names


def test_models_again(client, model_names):
    assert len(model_names) == 3


def test_changes_folder(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask(client, "From elsewhere").choices
