"""Another number of partitions: ranges split and merged, hash partitions doubled and halved."""
