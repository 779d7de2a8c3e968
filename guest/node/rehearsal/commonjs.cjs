"use strict";
module.exports.handler = async (event) => event;
