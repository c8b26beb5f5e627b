"""A second reading of the specifications: what a gate and an auditor check, written for these tests
and independent of the gate. The SDK uses none of it: to a client a lease is opaque, and a gate's
answers are read leniently."""
