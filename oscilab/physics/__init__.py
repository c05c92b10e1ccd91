"""Dimensionless physics: potentials, noising, protocols. kT = 1 and mobility = 1."""

from oscilab.physics.box import ParameterBox
from oscilab.physics.confinement import Confinement
from oscilab.physics.family import Family
from oscilab.physics.noising import Noising
from oscilab.physics.potential import Potential
from oscilab.physics.protocol import Protocol, Stairs, noising_parameters
from oscilab.physics.schedule import Schedule, geometric
from oscilab.physics.terms import (
    BUILT_IN,
    Demand,
    Monomial,
    PolynomialTerm,
    Term,
    find_term,
    is_known_term,
    known_terms,
)
from oscilab.physics.topology import Topology, all_to_all, from_edges, from_file, lattice

__all__ = [
    "BUILT_IN",
    "Confinement",
    "Demand",
    "Family",
    "Monomial",
    "Noising",
    "ParameterBox",
    "PolynomialTerm",
    "Potential",
    "Protocol",
    "Schedule",
    "Stairs",
    "Term",
    "Topology",
    "all_to_all",
    "find_term",
    "from_edges",
    "from_file",
    "geometric",
    "is_known_term",
    "known_terms",
    "lattice",
    "noising_parameters",
]
