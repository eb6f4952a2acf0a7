"""What threads of a grid do to a buffer that is stored to (ptx_model.Block)."""

import numpy as np
from ptx_numbers import Fault


class Uses:
    """Who stored to each byte, and who read it, in one launch. A barrier is between threads of a block only, so what others do may come first."""

    NOBODY, SEVERAL = -1, -2

    def __init__(self, size):
        self.writer, self.reader, self.read_block = (np.full(size, self.NOBODY, np.int64) for _ in range(3))
        self.write_epoch, self.read_epoch = np.zeros(size, np.int64), np.zeros(size, np.int64)

    def threads(self, block, idx):
        return block.block_number * block.count + idx[:, None]

    def is_stored_apart(self, block, places, me):
        """Whether another thread stored there, and no barrier is between."""
        writer = self.writer[places]
        is_earlier = (writer // block.count == block.block_number) & (self.write_epoch[places] < block.epoch)
        return np.any((writer != self.NOBODY) & (writer != me) & ~is_earlier)

    def load(self, block, places, idx):
        me = self.threads(block, idx)
        if self.is_stored_apart(block, places, me):
            raise Fault("reads what another thread stores to")
        others = (self.read_block[places] == block.block_number) & (self.read_epoch[places] == block.epoch) & (self.reader[places] != me)
        self.reader[places] = np.where(others, self.SEVERAL, me)
        unique, counts = np.unique(places, return_counts=True)
        self.reader[unique[counts > 1]] = self.SEVERAL
        before = self.read_block[places]
        self.read_block[places] = np.where((before == self.NOBODY) | (before == block.block_number), block.block_number, self.SEVERAL)
        self.read_epoch[places] = block.epoch

    def store(self, block, places, idx):
        me = self.threads(block, idx)
        if len(np.unique(places)) != places.size or self.is_stored_apart(block, places, me):
            raise Fault("threads store to one place")
        reader_block = self.read_block[places]
        is_earlier = (reader_block == block.block_number) & ((self.read_epoch[places] < block.epoch) | (self.reader[places] == me))
        if np.any((reader_block != self.NOBODY) & ~is_earlier):
            raise Fault("stores to what another thread reads")
        self.writer[places], self.write_epoch[places] = me, block.epoch
