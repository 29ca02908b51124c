from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.deep.recipe import Net
from unmix.deep.trainer import DeepMethod
from unmix.errors import DataError
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def data():
    return toy(genes=300, samples=12)


SETTINGS = ["train.steps=40", "train.validate_every=10"]


class Killed(BaseException):
    """What a kill looks like from inside: nothing after it runs."""


@pytest.mark.parametrize("patience", [0, 3])
def test_an_interrupted_training_ends_with_the_same_bytes(data, tmp_path, monkeypatch, patience):
    settings = [*SETTINGS, f"train.patience={patience}"]
    engine.train("scaden", data[0], settings=settings, device="cpu").save(tmp_path / "whole")

    from unmix.methods.scaden import Scaden

    batch, calls = Scaden.batch, []

    def killed(self, session):
        calls.append(1)
        if len(calls) == 26:
            raise Killed
        return batch(self, session)

    monkeypatch.setattr(Scaden, "batch", killed)
    checkpoint, said = tmp_path / "checkpoint", []
    with pytest.raises(Killed):
        engine.train("scaden", data[0], settings=settings, device="cpu", checkpoint=checkpoint)
    monkeypatch.undo()
    assert checkpoint.exists()
    model = engine.train("scaden", data[0], settings=settings, device="cpu", checkpoint=checkpoint, say=said.append)
    model.save(tmp_path / "resumed")
    assert "Training continues from step 20 of an interrupted run." in said
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()
    assert checkpoint.exists()  # until the caller has saved the model


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Return a model and the bytes of its checkpoint."""
    path = tmp_path_factory.mktemp("trained") / "checkpoint"
    model = engine.train("scaden", data[0], settings=SETTINGS, device="cpu", checkpoint=path)
    return model, path.read_bytes()


@pytest.mark.parametrize("change", ["seed", "method", "donors", "genes", "settings"])
def test_a_checkpoint_of_another_training_is_not_used(data, trained, tmp_path, change):
    path, options = tmp_path / "checkpoint", {"settings": SETTINGS, "device": "cpu"}
    path.write_bytes(trained[1])
    reference = data[0].copy()
    if change == "donors":  # the same cells, and the same numbers of cells per donor
        reference.obs["donor"] = np.where(reference.obs["donor"] == "donor1", "donor9", reference.obs["donor"])
    if change == "genes":
        reference.var_names = ["OTHER", *reference.var_names[1:]]
    options |= {"seed": int(change == "seed")}
    if change == "settings":
        options["settings"] = [*SETTINGS, "train.lr=0.002"]
    name, said = "convdeconv" if change == "method" else "scaden", []
    other = engine.train(name, reference, **options, checkpoint=path, say=said.append)
    fresh = engine.train(name, reference, **options)
    assert all(np.array_equal(other.arrays[key], fresh.arrays[key]) for key in fresh.arrays)
    assert f"The checkpoint {path.name} belongs to another training and is not used." in said


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty", "pickle"])
def test_a_damaged_checkpoint_is_set_aside_and_said(data, trained, tmp_path, damage):
    path, said = tmp_path / "checkpoint", []
    options = {"settings": SETTINGS, "device": "cpu", "checkpoint": path}
    first, content = trained[0], bytearray(trained[1])
    content[len(content) // 2] ^= 1
    changed = {"cut": content[:-9], "one bit": content, "empty": b"", "pickle": b"\x80\x04N."}[damage]
    path.write_bytes(changed)
    second = engine.train("scaden", data[0], **options, say=said.append)
    assert "The checkpoint checkpoint is damaged and not used; it was renamed to checkpoint.damaged." in said
    assert (tmp_path / "checkpoint.damaged").read_bytes() == changed
    assert all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)


def test_a_checkpoint_that_cannot_be_written_does_not_end_a_training(data, tmp_path):
    (tmp_path / "file").write_text("")
    said = []
    engine.train(
        "scaden", data[0], settings=SETTINGS, device="cpu", checkpoint=tmp_path / "file" / "c", say=said.append
    )
    assert sum("No checkpoint is kept" in sentence for sentence in said) == 1


def test_early_stopping_keeps_the_best_weights(data):
    settings = ["train.steps=400", "train.validate_every=10", "train.patience=2", "train.lr=0.05"]
    facts = engine.train("scaden", data[0], settings=settings, device="cpu").facts["training"]
    assert facts["steps"] < 400
    assert facts["kept_step"] == facts["steps"] - 20


@pytest.mark.parametrize("patience", [0, 2])
def test_the_error_told_is_that_of_the_weights_kept(data, monkeypatch, patience):
    from unmix.methods.scaden import Scaden

    def size(weights):  # stands for the error: weights grow, so that the first are the best
        return float(sum((np.asarray(part, dtype=float) ** 2).sum() for part in weights))

    monkeypatch.setattr(Scaden, "_error", lambda self, net, *_: size(net.state_dict().values()))
    settings = [*SETTINGS, "train.lr=0.01", f"train.patience={patience}"]
    model = engine.train("scaden", data[0], settings=settings, device="cpu")
    facts = model.facts["training"]
    assert facts["kept_step"] == (10 if patience else 40)
    assert facts["held_out_rmse"] == pytest.approx(
        size(array for name, array in model.arrays.items() if name.startswith("net.")), abs=1e-4
    )


def test_members_side_by_side_equal_members_alone():
    import torch

    from unmix.deep.nets.dense import Ensemble

    nets = (Net(hidden=(8, 4)), Net(hidden=(8, 4)), Net(hidden=(16, 8), activation="celu"))
    ensemble = Ensemble(nets, 10, 3, torch.Generator().manual_seed(0)).eval()
    inputs = torch.rand(5, 10, generator=torch.Generator().manual_seed(1))
    together = ensemble(inputs)
    assert together.shape == (3, 5, 3)
    hidden = inputs @ ensemble.first[8:16].T
    hidden = torch.relu(hidden) @ ensemble.weights[0][1]
    alone = torch.relu(hidden) @ ensemble.weights[1][1]
    assert torch.allclose(together[1], alone, atol=1e-6)


def test_stored_pseudobulk_is_reused(data, monkeypatch):
    from unmix.deep.trainer import Session

    take, seen = Session.pseudobulk, []
    monkeypatch.setattr(Session, "pseudobulk", lambda *given: seen.append(take(*given)) or seen[-1])
    for stored, most in ((64, 64), (0, len(data[0]) * 1000)):
        seen.clear()
        engine.train("scaden", data[0], settings=[*SETTINGS, f"simulation.samples={stored}"], device="cpu")
        rows = np.concatenate([truth for _, truth in seen])
        assert len(rows) == 40 * 64
        distinct = len(np.unique(rows, axis=0))
        assert distinct <= most if stored else distinct > 1000


def test_bulk_chooses_the_genes_of_the_published_recipe(data):
    bulk = data[1].copy()
    bulk.X = bulk.X.copy()
    bulk.X[:, :50] = 1.0
    model = engine.train("scaden", data[0], bulk=bulk, recipe="published", quick=True, device="cpu")
    assert not set(model.genes) & set(bulk.var_names[:50])
    assert len(model.genes) > 200


def test_a_full_gpu_halves_the_batch(data, monkeypatch):
    import torch

    from unmix.methods.scaden import Scaden

    loss, sizes = Scaden.loss, []

    def crowded(self, net, batch, session):
        sizes.append(len(batch[0]))
        if len(batch[0]) > 40:
            raise torch.cuda.OutOfMemoryError
        return loss(self, net, batch, session)

    monkeypatch.setattr(Scaden, "loss", crowded)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    engine.train("scaden", data[0], settings=["train.steps=1"], device="cpu")
    assert sizes == [64, 32, 32]


def test_centred_inputs_learn_faster_and_come_back_with_the_model(data, tmp_path):
    from unmix.contract.model import Model

    settings = ["train.steps=300", "train.validate_every=100", "simulation.samples=500"]
    errors = {}
    for centered in ("true", "false"):
        model = engine.train(
            "scaden", data[0], recipe="published", settings=[*settings, f"train.centered={centered}"], device="cpu"
        )
        errors[centered] = model.facts["training"]["held_out_rmse"]
        model.save(tmp_path / "model")
        again = engine.predict(Model.load(tmp_path / "model"), data[1], device="cpu").values
        assert again.equals(engine.predict(model, data[1], device="cpu").values)
        truth = data[1].obsm["cell_fractions"][list(again)]
        assert np.sqrt(((again - truth) ** 2).to_numpy().mean()) < 0.2
    assert errors["true"] < 0.9 * errors["false"]


def test_a_training_that_diverges_is_an_error(data, monkeypatch):
    plain = DeepMethod.loss
    monkeypatch.setattr(DeepMethod, "loss", lambda *given: 1e38 * plain(*given) * 1e38)  # no setting in range does it
    with pytest.raises(DataError, match="training diverged") as error:
        engine.train("scaden", data[0], settings=SETTINGS, device="cpu")
    assert "train.lr" in error.value.do


def test_markers_are_chosen_without_a_copy_of_the_bulk(data, monkeypatch):
    from unmix.deep import trainer

    sizes, select = [], trainer.select_genes

    def watched(prep, cells, values):
        sizes.append(values.size)
        return select(prep, cells, values)

    monkeypatch.setattr(trainer, "select_genes", watched)
    settings = ["train.steps=2", "train.validate_every=1", "expression.steps=0"]
    engine.train("dissect", data[0], bulk=data[1], settings=settings, device="cpu", quick=True)
    assert sizes
    assert not any(sizes)


def test_what_a_training_starts_from_is_digested_without_a_copy():
    import hashlib
    import tracemalloc

    from unmix.deep import checkpoint

    values = np.ones((1000, 1000))
    tracemalloc.start()
    checkpoint._add(hashlib.sha256(), values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < values.nbytes / 10
