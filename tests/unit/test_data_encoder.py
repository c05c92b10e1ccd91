import numpy as np
import pytest

from oscilab.data import Encoder, PrincipalEncoder, ScaleEncoder, encoder_from_table
from oscilab.errors import InvalidInput

RNG = np.random.default_rng(8)
DATA = RNG.normal(size=(200, 5)) @ RNG.normal(size=(5, 5)) + 3


def test_an_rms_is_reached_about_one_common_centre():
    encoder = ScaleEncoder.of_rms(DATA, rms=1.5)
    encoded = encoder.encode(DATA)
    assert np.sqrt((encoded**2).mean()) == pytest.approx(1.5, rel=1e-12)
    assert np.ptp(encoder.offset) == 0
    assert (encoder.features, encoder.oscillators) == (5, 5)


def test_a_range_is_mapped_to_its_reach():
    encoder = ScaleEncoder.of_range(2, low=-1.0, high=3.0, reach=2.0)
    assert np.array_equal(encoder.encode([[-1.0, 3.0], [1.0, 2.0]]), [[-2.0, 2.0], [0.0, 1.0]])


def test_scaling_back_is_exact_to_rounding():
    encoder = ScaleEncoder.of_rms(DATA)
    assert np.allclose(encoder.decode(encoder.encode(DATA)), DATA, rtol=1e-14, atol=1e-14)


def test_components_are_white_over_the_training_data():
    encoder = PrincipalEncoder.fit(DATA, 3)
    encoded = encoder.encode(DATA)
    assert np.allclose(encoded.mean(axis=0), 0, atol=1e-12)
    assert np.allclose(encoded.T @ encoded / len(DATA), np.eye(3), atol=1e-12)
    assert (np.diff(encoder.scales) < 0).all()
    assert (encoder.features, encoder.oscillators) == (5, 3)


def test_components_decode_to_the_nearest_point_of_their_plane():
    encoder = PrincipalEncoder.fit(DATA, 3)
    centred = DATA - DATA.mean(axis=0)
    # An independent way to the plane: the eigenvectors of the covariance.
    _, vectors = np.linalg.eigh(centred.T @ centred)
    plane = vectors[:, -3:]
    expected = centred @ plane @ plane.T + DATA.mean(axis=0)
    assert np.allclose(encoder.decode(encoder.encode(DATA)), expected, atol=1e-12)
    assert np.allclose(encoder.encode(expected), encoder.encode(DATA), atol=1e-12)


def test_all_components_lose_nothing():
    encoder = PrincipalEncoder.fit(DATA, 5)
    assert np.allclose(encoder.decode(encoder.encode(DATA)), DATA, atol=1e-12)


def test_a_floor_keeps_a_tiny_component_small():
    flat = DATA.copy()
    flat[:, 4] = 0
    with pytest.raises(InvalidInput, match="vary in 4 directions, fewer than the 5"):
        PrincipalEncoder.fit(flat, 5)
    encoder = PrincipalEncoder.fit(flat, 5, floor=0.01)
    assert encoder.scales[-1] == 0.01
    assert np.abs(encoder.encode(flat)[:, -1]).max() < 1e-10
    assert np.allclose(encoder.decode(encoder.encode(flat)), flat, atol=1e-12)


def test_a_fit_does_not_depend_on_the_order_of_the_samples():
    shuffled = DATA[RNG.permutation(len(DATA))]
    first, second = PrincipalEncoder.fit(DATA, 3), PrincipalEncoder.fit(shuffled, 3)
    assert np.allclose(first.components, second.components, atol=1e-10)


@pytest.mark.parametrize("encoder", [ScaleEncoder.of_rms(DATA), PrincipalEncoder.fit(DATA, 2)])
def test_a_table_makes_the_same_encoder(encoder):
    assert isinstance(encoder, Encoder)
    again = encoder_from_table(encoder.to_table())
    assert type(again) is type(encoder)
    assert np.array_equal(again.encode(DATA), encoder.encode(DATA))
    positions = encoder.encode(DATA)
    assert np.array_equal(again.decode(positions), encoder.decode(positions))


def test_a_table_of_lists_serves_as_well():
    table = PrincipalEncoder.fit(DATA, 2).to_table()
    lists = {
        name: getattr(value, "tolist", lambda value=value: value)() for name, value in table.items()
    }
    assert np.array_equal(
        encoder_from_table(lists).encode(DATA), encoder_from_table(table).encode(DATA)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScaleEncoder.of_rms(np.ones((20, 3))), "all training values are equal"),
        (lambda: ScaleEncoder.of_rms(DATA, rms=0), r"RMS must be positive; it is \[0\]"),
        (lambda: ScaleEncoder.of_rms(DATA * np.nan), "every value must be finite"),
        (lambda: ScaleEncoder.of_range(3, 1, 1), "range 1 to 1 is empty"),
        (lambda: ScaleEncoder(-1.0, np.zeros(2)), "scale must be positive"),
        (lambda: ScaleEncoder(1.0, np.array([np.inf])), "offset must be a vector of finite"),
        (lambda: PrincipalEncoder.fit(DATA, 6), "6 principal components cannot be had"),
        (lambda: PrincipalEncoder.fit(DATA, 0), "use 1 to 5"),
        (lambda: PrincipalEncoder(np.zeros(3), np.eye(2), np.ones(2)), r"shape \(2, 2\)"),
        (lambda: PrincipalEncoder(np.zeros(2), np.eye(2), np.zeros(2)), "scales must be positive"),
        (lambda: ScaleEncoder.of_rms(DATA).encode(DATA[:, :2]), "2 numbers each .* has 5"),
        (lambda: PrincipalEncoder.fit(DATA, 2).decode(DATA), "5 numbers each .* has 2"),
        (lambda: ScaleEncoder.of_rms(DATA).decode(DATA / 0), "must be finite"),
        (
            lambda: encoder_from_table({"kind": "wavelet"}),
            "unknown encoder 'wavelet'; the encoders are ",
        ),
        (lambda: encoder_from_table({}), "the kind None, which is not a name"),
        (lambda: encoder_from_table({"kind": "scale", "scale": 1.0}), "lacks offset"),
    ],
)
def test_what_cannot_encode_is_refused(make, message):
    with np.errstate(divide="ignore"), pytest.raises(InvalidInput, match=message):
        make()
