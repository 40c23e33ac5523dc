local IS_LITTLE_ENDIAN = $little_endian
$message_length
-- Adds a field, and returns its text.
local function add_field(tree, each, range)
    if each.type == "string" then
        return add_string(tree, each, range)
    elseif each.type == "bytes" then
        tree:add(each.field, range)
        return range:bytes():tohex(true)
    elseif each.type == "ipv4" then
        tree:add(each.field, range)
        return tostring(range:ipv4())
    elseif IS_LITTLE_ENDIAN then
        tree:add_le(each.field, range)
        return tostring(range:le_uint64())
    end
    tree:add(each.field, range)
    return tostring(range:uint64())
end

-- Adds the fields of a message. Returns their texts by name and in their order, and what is wrong, if anything is.
local function add_fields(tree, range)
    local values, texts, position = {}, {}, 0
    for _, each in ipairs(FIELDS) do
        local size = each.size or range:len() - position
        if position + size > range:len() then
            return values, texts, "it is too short for " .. each.name
        end
        if size > 0 then
            values[each.name] = add_field(tree, each, range(position, size))
            if each.name ~= "length" then
                table.insert(texts, values[each.name])
            end
        end
        position = position + size
    end
    if position < range:len() then
        tree:add(rest_field, range(position))
    end
    return values, texts
end

