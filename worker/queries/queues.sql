SELECT h.queue, h.waiting, h.leased, h.oldest_seconds, h.measured_seconds_ago, h.drained_seconds_ago, h.paused_until,
       h.paused_reason, h.warning
FROM flywheel.queue_health h
ORDER BY h.queue
