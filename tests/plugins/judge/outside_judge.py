"""The spread of samples, compared with that of the data."""


def spread(settings, dataset, generated):
    return {
        "spread": float(generated.shown.std()),
        "spread_data": float(dataset.held_out.std()),
    }
