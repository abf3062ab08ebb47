-- What arrived beyond the horizon.
FROM late
