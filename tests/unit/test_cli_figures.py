from oscilab.cli.output import figure_table


def test_values_stand_beside_what_they_are_compared_with():
    headings, rows = figure_table(
        {
            "class_share": 0.71,
            "class_share_low": 0.6436,
            "class_share_high": 0.7685,
            "class_share_data": 1.0,
            "class_share_gaussian": 0.746,
            "weight_0": 0.6066,
            "weight_0_truth": 0.6,
            "weight_0_error": 0.03302,
            "work_mean": 77.57,
            "work_error": 1.794,
            "samples": 200.0,
        }
    )
    assert headings == [
        "figure of merit", "value", "uncertainty", "truth", "real data", "fitted Gaussian"
    ]  # fmt: skip
    assert rows == [
        ["class share", "0.71", "0.6436 to 0.7685", "", "1", "0.746"],
        ["weight 0", "0.6066", "± 0.033", "0.6", "", ""],
        ["work mean", "77.57", "± 1.8", "", "", ""],
        ["samples", "200", "", "", "", ""],
    ]


def test_empty_columns_are_left_out_and_no_figure_is_lost():
    names = {"training_error": 0.1, "loss": 2.0, "largest_low": 3.0}
    headings, rows = figure_table(names)
    assert headings == ["figure of merit", "value"]
    assert [row[0] for row in rows] == ["training error", "loss", "largest low"]
